import { Module } from '@nestjs/common';
import { AddServiceAccount } from './add-service-account.js';
import { RemoveServiceAccount } from './remove-service-account.js';

/**
 * Owns service accounts as holders of access: which keys may be kept for whom, with which scopes, and forgetting them.
 * Does not own what a key file looks like nor the asking for tokens (google/), handing them out (tokens/), sealing and
 * storage (token-store/), nor the commands (cli/). Services that call the broker are another matter (services/).
 */
@Module({
  providers: [AddServiceAccount, RemoveServiceAccount],
  exports: [AddServiceAccount, RemoveServiceAccount],
})
export class ServiceAccountsModule {}
