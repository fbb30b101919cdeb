import type { RequiredAccount } from './required-account.js';

/** What a service wants of a user at Google, from the ticket to the callback. Holds no secret. */
export interface ConnectWish {
  readonly serviceId: string;
  /** Shown to the user: who is asking. */
  readonly serviceName: string;
  readonly userId: string;
  readonly client: string;
  /** What the service needs, without the sign-in scopes that the broker adds. */
  readonly scopes: readonly string[];
  /** The `sub` or email to suggest to the user. */
  readonly accountHint: string | null;
  readonly requireAccount: RequiredAccount | null;
  /** The user wants to connect one more account, whatever is held already. */
  readonly anotherAccount: boolean;
  readonly returnTo: string | null;
  /** The grant waits until the app's own server confirms the user. */
  readonly confirm: boolean;
  /** A connect that kills another user's grant at Google is wanted all the same. */
  readonly force: boolean;
  /** When the first link of this connect ends; a renewed one ends with it. Null where no link was made. */
  readonly linkExpiresAt: string | null;
}

/** Asks in the operator's name, from the command line: no service stands behind it, and no policy. */
export const OPERATOR = { serviceId: 'operator', serviceName: 'token-broker' } as const;

/** A wish without any of the options. */
export function plainWish(
  wish: Pick<ConnectWish, 'serviceId' | 'serviceName' | 'userId' | 'client' | 'scopes'>,
): ConnectWish {
  return {
    ...wish,
    accountHint: null,
    requireAccount: null,
    anotherAccount: false,
    returnTo: null,
    confirm: false,
    force: false,
    linkExpiresAt: null,
  };
}
