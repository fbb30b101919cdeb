import { Global, Module } from '@nestjs/common';
import { Sealer } from './sealer.js';

/**
 * Owns the key ring: sealing and opening of secrets, keyed fingerprints, and MACs over rows.
 * Does not own where sealed values are kept (token-store/) nor the secrets that Google gives our clients (config/).
 */
@Global()
@Module({
  providers: [Sealer],
  exports: [Sealer],
})
export class SealingModule {}
