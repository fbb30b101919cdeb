import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { RevokeService } from './revoke-service.js';
import { ServiceAuthGuard } from './service-auth.guard.js';
import { ServiceCache } from './service-cache.js';
import { KeyLookup } from './service-key.js';
import { ServiceRegistry } from './service-registry.js';

/**
 * Owns who may call: services, their keys and identities, and the check at the door of every route that is not open
 * to all. Does not own what a policy means (domain/access/policy.ts), how a JWT is verified (identity/), nor the commands
 * that manage services (cli/).
 */
@Global()
@Module({
  providers: [
    ServiceCache,
    KeyLookup,
    ServiceRegistry,
    RevokeService,
    { provide: APP_GUARD, useClass: ServiceAuthGuard },
  ],
  exports: [KeyLookup, ServiceRegistry, RevokeService, ServiceCache],
})
export class ServicesModule {}
