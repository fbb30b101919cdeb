/** The rows of the ledger. Times are milliseconds since the epoch, so that they can be stored as JSON. */

/** What an account has granted to a project: Google stores consent per project, not per client. */
export interface ProjectGrant {
  projectId: string;
  sub: string;
  scopes: string[];
  expiresAt?: number;
}

export interface AuthorizationCode {
  code: string;
  clientId: string;
  sub: string;
  redirectUri: string;
  scopes: string[];
  offline: boolean;
  consentShown: boolean;
  challenge?: { value: string; method: 'S256' | 'plain' };
  nonce?: string;
  expiresAt: number;
  spent: boolean;
}

interface Token {
  token: string;
  clientId: string;
  projectId: string;
  sub: string;
  scopes: string[];
  endedAt?: number;
}

export interface RefreshToken extends Token {
  issuedAt: number;
  lastUsedAt: number;
  expiresAt?: number;
}

export interface AccessToken extends Token {
  offline: boolean;
  /** The service account it was made for, by email; some APIs take none of these. */
  serviceAccount?: string;
  expiresAt: number;
}

export interface LedgerContents {
  grants: ProjectGrant[];
  codes: AuthorizationCode[];
  refreshTokens: RefreshToken[];
  accessTokens: AccessToken[];
}
