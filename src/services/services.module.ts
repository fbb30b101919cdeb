import { Global, Module } from '@nestjs/common';
import { DelegatedCredentialCache } from './delegated-credential-cache.js';
import { DelegatedCredentials } from './delegated-credentials.js';
import { LogosController } from './logos.controller.js';
import { ServiceAuthGuard } from './service-auth.guard.js';
import { ServiceCache } from './service-cache.js';
import { BrandingRegistry } from './branding-registry.js';
import { KeyLookup } from './service-key.js';
import { ServiceRegistry } from './service-registry.js';
import { WorkloadJwtVerifier } from './workload-jwt/workload-jwt-verifier.js';

/**
 * Owns who may call: services, their keys, workload identities and delegated credentials, and the guard of every route that
 * is not open to all; how they show themselves to users, and their logos. workload-jwt/ verifies the JWTs of Kubernetes, Google and SPIFFE with the issuers' public keys.
 * Does not own what a policy allows (domain/access/policy.ts), how services are stored (token-store/services/), nor the
 * commands that manage them (cli/service/).
 */
@Global()
@Module({
  controllers: [LogosController],
  providers: [
    ServiceCache,
    DelegatedCredentialCache,
    DelegatedCredentials,
    KeyLookup,
    ServiceRegistry,
    BrandingRegistry,
    WorkloadJwtVerifier,
    ServiceAuthGuard,
  ],
  exports: [KeyLookup, ServiceRegistry, BrandingRegistry, ServiceCache, DelegatedCredentials],
})
export class ServicesModule {}
