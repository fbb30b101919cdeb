import type { RequiredAccount } from './authorization-request-store.js';

export interface ConnectLinkRequest {
  readonly serviceId: string;
  /** Shown to the user: who is asking. */
  readonly serviceName: string;
  readonly userId: string;
  readonly client: string;
  readonly scopes: readonly string[];
  readonly accountHint?: string | undefined;
  readonly requireAccount?: RequiredAccount | undefined;
  readonly returnTo?: string | undefined;
}

export interface ConnectLink {
  readonly url: string;
  readonly expiresAt: Date;
}

/** Makes the links that take a user to consent. Refusals carry one, so that the way on is one click. */
export abstract class ConnectLinks {
  abstract create(request: ConnectLinkRequest): Promise<ConnectLink>;
}
