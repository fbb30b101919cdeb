import type { Service } from '../policy.js';

/** Services as they are now: what was allowed when a call or a connect began may not be any more. */
export abstract class ServiceDirectory {
  /** @returns null when there is none with this id, or it was revoked */
  abstract findActive(id: string): Promise<Service | null>;
}
