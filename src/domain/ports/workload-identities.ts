import type { Secret } from '../secret.js';
import type { WorkloadIdentity } from '../workload-identity.js';

/** Judges JWTs by which platforms name their workloads. */
export abstract class WorkloadIdentities {
  /**
   * @returns who the token proves its bearer to be; null when it proves nothing to us
   * @throws {BrokerError} `issuer_unavailable`: the keys of a configured issuer cannot be had, so nothing is known
   */
  abstract identify(token: Secret): Promise<WorkloadIdentity | null>;
}
