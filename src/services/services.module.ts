import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ServiceAuthGuard } from './service-auth.guard.js';
import { ServiceCache } from './service-cache.js';
import { KeyLookup } from './service-key.js';
import { ServiceRegistry } from './service-registry.js';
import { WorkloadJwtVerifier } from './workload-jwt/workload-jwt-verifier.js';

/**
 * Owns who may call: services, their keys and workload identities, and the guard of every route that is not open to
 * all. workload-jwt/ verifies the JWTs of Kubernetes, Google and SPIFFE with the issuers' public keys.
 * Does not own what a policy allows (domain/access/policy.ts), how services are stored (token-store/services/), nor the
 * commands that manage them (cli/service/).
 */
@Global()
@Module({
  providers: [
    ServiceCache,
    KeyLookup,
    ServiceRegistry,
    WorkloadJwtVerifier,
    { provide: APP_GUARD, useClass: ServiceAuthGuard },
  ],
  exports: [KeyLookup, ServiceRegistry, ServiceCache],
})
export class ServicesModule {}
