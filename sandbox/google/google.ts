/**
 * What every endpoint of the stand-in can read: what is registered, Google's settings, its state.
 * Owns these types; the behaviour is in the endpoints, the state in ledger/.
 */
import type { AdsHierarchy } from './ads/hierarchy.js';
import type { Disturbances } from './control/disturbances.js';
import type { RequestLog } from './control/request-log.js';
import type { Ledger } from './ledger/ledger.js';
import type { SigningKey } from './signing-key.js';

export interface StandInClient {
  clientId: string;
  clientSecret: string;
  projectId: string;
  kind: 'web' | 'installed';
  redirectUris: string[];
  appName?: string;
}

export interface StandInAccount {
  sub: string;
  email: string;
  name: string;
  hd?: string;
}

/** Configures a project's stream of security events, and gets access tokens without consent. Has one key. */
export interface StandInServiceAccount {
  email: string;
  projectId: string;
  /** What Google calls its client id; without one, the email stands for it. */
  uniqueId?: string;
  keyId: string;
  /** As SPKI in PEM; null once the key was deleted. */
  publicKey: string | null;
}

/** Where Google delivers a project's security events. */
export interface SecurityStream {
  url: string;
  eventsRequested: string[];
  enabled: boolean;
}

type ClientStatus = 'deleted_client' | 'disabled_client';
export type AccountPolicy = 'admin_policy_enforced' | 'invalid_rapt' | 'rapt_required';

export interface Settings {
  slotLimit: number;
  testingMode: boolean;
  /** Whether a refresh answers another refresh token. */
  rotatesRefreshTokens: boolean;
  accessTokenSeconds: number;
  clientStatus: Map<string, ClientStatus>;
  accountPolicy: Map<string, AccountPolicy>;
  /** Domain-wide delegation: the scopes that a service account, by email, may have for the users of its Workspace. */
  delegations: Map<string, string[]>;
  ads: AdsHierarchy;
  /** Rows of one page of googleAds:search. */
  adsPageSize: number;
  /** Whether only administrators of an account may list its users. */
  adsRolesForAdminsOnly: boolean;
}

export interface Google {
  /** The base URL, which is also the issuer. */
  url: string;
  clients: Map<string, StandInClient>;
  accounts: Map<string, StandInAccount>;
  serviceAccounts: StandInServiceAccount[];
  /** By project. */
  securityStreams: Map<string, SecurityStream>;
  settings: Settings;
  ledger: Ledger;
  signingKey: SigningKey;
  disturbances: Disturbances;
  requestLog: RequestLog;
  /** Milliseconds since the epoch. */
  now: () => number;
}
