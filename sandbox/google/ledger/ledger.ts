/**
 * Google's state: consents, codes and tokens, and when each of them expires.
 * Expiry is computed from the clock, so nothing needs cleaning up. The endpoints decide who may have what; the state
 * file stores it on disk.
 */
import { randomBytes } from 'node:crypto';
import type {
  AccessToken,
  AuthorizationCode,
  LedgerContents,
  ProjectGrant,
  RefreshToken,
} from './records.js';

const minute = 60_000;
const day = 24 * 60 * minute;
const codeLifetime = 10 * minute;
/** Google's guide: a refresh token stops working when it "has not been used for six months". */
const maxIdleMs = 183 * day;

const random = (bytes: number) => randomBytes(bytes).toString('base64url');
const grantKey = (projectId: string, sub: string) => `${projectId}\n${sub}`;

export class Ledger {
  readonly #grants = new Map<string, ProjectGrant>();
  readonly #codes = new Map<string, AuthorizationCode>();
  readonly #refreshTokens = new Map<string, RefreshToken>();
  readonly #accessTokens = new Map<string, AccessToken>();

  constructor(
    private readonly now: () => number,
    private readonly changed: () => void,
  ) {}

  /** Every scope the account has granted the project, through whichever client. */
  grantedScopes(projectId: string, sub: string): string[] {
    const grant = this.#grants.get(grantKey(projectId, sub));
    return grant && this.now() < (grant.expiresAt ?? Infinity) ? grant.scopes : [];
  }

  /** What an account has granted, by project; in the order of the consents. */
  grantsOf(sub: string): ProjectGrant[] {
    return [...this.#grants.values()].filter(
      (grant) => grant.sub === sub && this.now() < (grant.expiresAt ?? Infinity),
    );
  }

  recordConsent(projectId: string, sub: string, scopes: string[], expiresAt?: number): void {
    const all = [...new Set([...this.grantedScopes(projectId, sub), ...scopes])];
    this.#grants.set(grantKey(projectId, sub), {
      projectId,
      sub,
      scopes: all,
      ...(expiresAt !== undefined && { expiresAt }),
    });
    this.changed();
  }

  issueCode(fields: Omit<AuthorizationCode, 'code' | 'expiresAt' | 'spent'>): AuthorizationCode {
    const code = { ...fields, code: `4/0A${random(52)}`, expiresAt: this.now() + codeLifetime, spent: false };
    this.#codes.set(code.code, code);
    this.changed();
    return code;
  }

  usableCode(code: string): AuthorizationCode | undefined {
    const found = this.#codes.get(code);
    return found && !found.spent && this.now() < found.expiresAt ? found : undefined;
  }

  spendCode(code: AuthorizationCode): void {
    code.spent = true;
    this.changed();
  }

  issueRefreshToken(
    fields: Pick<RefreshToken, 'clientId' | 'projectId' | 'sub' | 'scopes' | 'expiresAt'>,
  ): RefreshToken {
    const now = this.now();
    const token = { ...fields, token: `1//0${random(76)}`, issuedAt: now, lastUsedAt: now };
    this.#refreshTokens.set(token.token, token);
    this.changed();
    return token;
  }

  issueAccessToken(fields: Omit<AccessToken, 'token' | 'endedAt'>): AccessToken {
    // Those of service accounts begin differently (observed).
    const prefix = fields.serviceAccount === undefined ? 'ya29.a0A' : 'ya29.c.c0A';
    const token = { ...fields, token: `${prefix}${random(156)}` };
    this.#accessTokens.set(token.token, token);
    this.changed();
    return token;
  }

  refreshToken(token: string): RefreshToken | undefined {
    return this.#refreshTokens.get(token);
  }

  liveAccessToken(token: string): AccessToken | undefined {
    const found = this.#accessTokens.get(token);
    return found && found.endedAt === undefined && this.now() < found.expiresAt ? found : undefined;
  }

  useRefreshToken(token: RefreshToken): void {
    token.lastUsedAt = this.now();
    this.changed();
  }

  /** When a refresh token ended or will end; in the future while it is active. */
  deathOf(token: RefreshToken): number {
    return Math.min(token.endedAt ?? Infinity, token.expiresAt ?? Infinity, token.lastUsedAt + maxIdleMs);
  }

  isLive(token: RefreshToken): boolean {
    return this.now() < this.deathOf(token);
  }

  /** In the order they were issued. */
  liveRefreshTokens(sub: string, clientId?: string): RefreshToken[] {
    return [...this.#refreshTokens.values()].filter(
      (token) =>
        token.sub === sub && (clientId === undefined || token.clientId === clientId) && this.isLive(token),
    );
  }

  endRefreshToken(token: RefreshToken): void {
    token.endedAt ??= this.now();
    this.changed();
  }

  /** Google's guide: revoking ends all scopes of the project and the tokens of all its clients. */
  endGrant(projectId: string, sub: string, clientIds: Set<string>): void {
    this.#grants.delete(grantKey(projectId, sub));
    for (const token of [...this.#refreshTokens.values(), ...this.#accessTokens.values()]) {
      if (token.projectId === projectId && token.sub === sub) token.endedAt ??= this.now();
    }
    for (const code of this.#codes.values()) {
      if (code.sub === sub && clientIds.has(code.clientId)) code.spent = true;
    }
    this.changed();
  }

  clear(): void {
    for (const rows of [this.#grants, this.#codes, this.#refreshTokens, this.#accessTokens]) rows.clear();
    this.changed();
  }

  /** Without access tokens and codes that expired long ago. */
  contents(): LedgerContents {
    const recent = (row: { expiresAt: number }) => this.now() < row.expiresAt + day;
    return {
      grants: [...this.#grants.values()],
      codes: [...this.#codes.values()].filter(recent),
      refreshTokens: [...this.#refreshTokens.values()],
      accessTokens: [...this.#accessTokens.values()].filter(recent),
    };
  }

  restore(contents: LedgerContents): void {
    for (const grant of contents.grants) this.#grants.set(grantKey(grant.projectId, grant.sub), grant);
    for (const code of contents.codes) this.#codes.set(code.code, code);
    for (const token of contents.refreshTokens) this.#refreshTokens.set(token.token, token);
    for (const token of contents.accessTokens) this.#accessTokens.set(token.token, token);
  }
}
