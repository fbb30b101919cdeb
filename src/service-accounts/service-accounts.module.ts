import { Module } from '@nestjs/common';
import { ServiceAccountRegistry } from './service-account-registry.js';

/**
 * Owns service accounts that hold access for a user: which keys are accepted, for whom and with which scopes, and their
 * removal.
 * Does not own key files and token requests (google/), issuing tokens (access-tokens/), sealing and storage
 * (token-store/), nor the commands (cli/). Services that call the broker are in services/.
 */
@Module({
  providers: [ServiceAccountRegistry],
  exports: [ServiceAccountRegistry],
})
export class ServiceAccountsModule {}
