import { Global, Module } from '@nestjs/common';
import { WorkloadIdentities } from '../domain/ports/workload-identities.js';
import { JwtWorkloadIdentities } from './jwt-workload-identities.js';

/**
 * Owns the judging of workloads' JWTs: Kubernetes service accounts, Google-signed ID tokens, SPIFFE JWT-SVIDs. It
 * fetches the issuers' public keys and holds no secret of its own.
 * Does not own which identities are services of ours, nor what those may do (services/, domain/policy.ts).
 */
@Global()
@Module({
  providers: [{ provide: WorkloadIdentities, useClass: JwtWorkloadIdentities }],
  exports: [WorkloadIdentities],
})
export class IdentityModule {}
