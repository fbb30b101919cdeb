import { Global, Module } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Sealer } from './sealer.js';

/**
 * Owns the key ring: seals and opens secrets (AES-256-GCM with AAD), makes keyed fingerprints, and MACs over rows. The only
 * module that holds keys; they rotate without a restart.
 * Does not own what a value is sealed with as AAD (token-store/sealed/aad.ts, and each caller of `seal`), where it is stored
 * (token-store/), nor the secrets of Google's clients (config/), nor how the KMS is asked that wraps the ring (google/kms/).
 */
@Global()
@Module({
  providers: [
    { provide: Sealer, inject: [Settings], useFactory: (settings: Settings) => Sealer.open(settings) },
  ],
  exports: [Sealer],
})
export class SealingModule {}
