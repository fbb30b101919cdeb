import { Global, Module } from '@nestjs/common';
import { WorkloadIdentities } from './workload-identities.js';

/**
 * Owns the judging of workloads' JWTs: Kubernetes service accounts, Google-signed ID tokens, SPIFFE JWT-SVIDs. It
 * fetches the issuers' public keys and holds no secret of its own.
 * Does not own which identities are services of ours, nor what those may do (services/, domain/access/policy.ts).
 */
@Global()
@Module({
  providers: [WorkloadIdentities],
  exports: [WorkloadIdentities],
})
export class IdentityModule {}
