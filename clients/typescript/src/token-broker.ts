import type { OAuth2Client } from 'google-auth-library';
import type { components } from './api.js';
import { authFor } from './google-auth.js';
import { isNoAnswer, isTransient, MIN_PAUSE_MS, pause, Requests, waitMsAfter } from './requests.js';
import { type CachedToken, TokenCache } from './token-cache.js';
import { TokenBrokerError } from './token-broker-error.js';
import { verifyWebhook, type WebhookEvent, type WebhookHeaders } from './webhooks.js';

export { type ErrorCode, type Problem, TokenBrokerError } from './token-broker-error.js';
export { verifyWebhook, type WebhookEvent, type WebhookHeaders } from './webhooks.js';

type Schemas = components['schemas'];

export type TokenBrokerOptions = {
  /** Where the broker is, such as `https://broker.example.com`. */
  readonly url: string;
  /** For a call with all its attempts; 30 seconds by default. */
  readonly timeoutMs?: number;
  /** How often a call is repeated after 429, 503, or no answer; 2 by default. */
  readonly retries?: number;
  /** Instead of the global one. */
  readonly fetch?: typeof fetch;
} & (
  | { /** The service key. */ readonly key: string; readonly jwt?: never }
  /** Returns the JWT of this workload; asked for each call. */
  | { readonly jwt: () => string | Promise<string>; readonly key?: never }
);

export interface TokenOptions {
  /** What the token must cover: a list, or text with spaces. */
  readonly scope?: string | readonly string[];
  /** The alias of the Google client. */
  readonly client?: string;
  /** Which of the user's accounts, by `sub` or email. */
  readonly account?: string;
  /** The minimum remaining lifetime in seconds; 300 by default. */
  readonly minTtl?: number;
  /** The `tokenId` of a token that Google answered with 401. */
  readonly refused?: string;
  /** Where the connect link of a refusal leads afterwards. */
  readonly returnTo?: string;
  /** The Google Ads account to call: `headers` has what its calls need. Such a token is not cached here. */
  readonly customerId?: string;
  readonly minRole?: 'READ_ONLY' | 'STANDARD' | 'ADMIN';
  /** The most powerful role to act with on it. */
  readonly maxRole?: 'READ_ONLY' | 'STANDARD' | 'ADMIN';
  readonly signal?: AbortSignal;
}

export interface Token extends CachedToken {
  readonly accessToken: string;
  readonly expiresAt: Date;
  readonly scopes: readonly string[];
  readonly account: Schemas['AccountResponse'];
  readonly client: string;
  /** With `customerId`: to be sent with the token. */
  readonly headers: Readonly<Record<string, string>>;
}

interface PageOptions {
  readonly client?: string;
  /** How the pages name the user, in place of the id. */
  readonly userLabel?: string;
  /** The language of the pages, as `fr` or `pt-BR`. */
  readonly locale?: string;
  /** Where the browser goes afterwards. */
  readonly returnTo?: string;
  readonly signal?: AbortSignal;
}

/** Without `client`, the page is about all clients that your policy covers. */
export type ManageOptions = PageOptions;

export interface ConnectOptions extends PageOptions {
  readonly scope: string | readonly string[];
  /** Why you need a scope, by its name: shown to the user as your words. */
  readonly reasons?: Readonly<Record<string, string>>;
  /** The email or `sub` to suggest to the user. */
  readonly accountHint?: string;
  /** The account that must consent; any other is refused. */
  readonly requireAccount?: Schemas['RequireAccountDto'];
  /** Asks Google even when all scopes are held: to connect one more account. */
  readonly anotherAccount?: boolean;
  /** Google's pages that the user sees even where they are not needed. */
  readonly prompt?: 'consent' | 'select_account' | 'consent select_account';
  /** `false`: the grant then holds what this connect asks for, and nothing that was granted before. */
  readonly includeGrantedScopes?: boolean;
  /** The grant waits until your server posts `connect_code` to /connect/completions. */
  readonly confirm?: boolean;
  /** Connects even when Google would end another user's grant for it. */
  readonly force?: boolean;
}

export interface ConnectLink {
  /** For `connectOutcome`. */
  readonly id: string;
  /** For one browser. */
  readonly url: string;
  readonly expiresAt: Date;
}

export interface ConnectOutcome {
  /** `success`, `partial`, `denied`, `failed`, `cancelled` and `expired` are ends. */
  readonly state: Schemas['TicketStatusResponse']['state'];
  readonly hasEnded: boolean;
  /** Why it ended so; null after success. */
  readonly reason: string | null;
  /** Names it in the log of the broker. */
  readonly requestId: string | null;
  readonly grantId: string | null;
  /** The account that was chosen. */
  readonly account: Schemas['AccountResponse'] | null;
  readonly missingScopes: readonly string[];
  /** Accounts of dead grants of this user, where another account was connected. */
  readonly insteadOf: readonly Schemas['AccountResponse'][];
}

const DEFAULT_MIN_TTL_SECONDS = 300;

/**
 * A client of the token broker. One for each process: it caches tokens by their lifetime. Owns what each call asks and what
 * comes back; attempts and time limits are in requests.ts.
 */
export class TokenBroker {
  readonly #requests: Requests;
  readonly #cache = new TokenCache<Token>();

  constructor({
    url,
    key,
    jwt,
    timeoutMs = 30_000,
    retries = 2,
    fetch = globalThis.fetch,
  }: TokenBrokerOptions) {
    // In JavaScript, an environment variable that is not set is the usual reason.
    const given: readonly unknown[] = [key, jwt];
    if (given.filter(Boolean).length !== 1) throw new TypeError('Give either key or jwt.');
    this.#requests = new Requests({ url, credential: jwt ?? (() => key), timeoutMs, retries, fetch });
  }

  /**
   * A fresh access token of a user: the cached one, or the broker's.
   * @throws {TokenBrokerError} with `connectUrl` where the user can resolve it
   */
  async token(user: string, { signal, ...options }: TokenOptions = {}): Promise<Token> {
    const { minTtl = DEFAULT_MIN_TTL_SECONDS, refused, customerId, minRole, maxRole, returnTo } = options;
    const { scope, client, account } = options;
    const query = {
      scope: scope === undefined ? undefined : scopeText(scope),
      client,
      account,
      min_ttl: options.minTtl === undefined ? undefined : String(minTtl),
      refused,
      return_to: returnTo,
      customer_id: customerId,
      min_role: minRole,
      max_role: maxRole,
    };
    if (customerId !== undefined) return this.#fetchToken(user, query, signal);
    const key = JSON.stringify([user, query.scope?.split(' ').sort(), client, account]);
    const cached = this.#cache.find(key, minTtl, refused);
    if (cached) return cached;
    try {
      const call = JSON.stringify([minTtl, refused, returnTo]);
      return await this.#cache.share(key, call, () => this.#fetchToken(user, query), signal);
    } catch (error) {
      if (!(error instanceof TokenBrokerError)) throw error;
      // While Google or the broker does not answer, a token is used until it expires, as in the broker.
      const last = isNoAnswer(error) ? this.#cache.find(key, LAST_SECONDS, refused) : null;
      if (last) return last;
      if (!isNoAnswer(error)) this.#cache.delete(key);
      throw error;
    }
  }

  /** A link that takes the user to Google and back. */
  async connectLink(user: string, { scope, signal, ...options }: ConnectOptions): Promise<ConnectLink> {
    const { reasons, accountHint, requireAccount, anotherAccount, confirm, force } = options;
    const { prompt, includeGrantedScopes } = options;
    const body = {
      ...pageMembers(user, options),
      scope: scopeText(scope),
      reasons,
      account_hint: accountHint,
      require_account: requireAccount,
      another_account: anotherAccount,
      prompt,
      include_granted_scopes: includeGrantedScopes,
      confirm,
      force,
    };
    return this.#link(body, signal);
  }

  /** A link to a page where the user sees what you hold, reconnects, and disconnects as far as you may. */
  async manageLink(user: string, { signal, ...options }: ManageOptions = {}): Promise<ConnectLink> {
    return this.#link({ purpose: 'manage', ...pageMembers(user, options) }, signal);
  }

  async #link(body: TicketMembers, signal: AbortSignal | undefined): Promise<ConnectLink> {
    const call = { path: '/connect/tickets', body, user: body.user_id };
    const answer = await this.#requests.send<Schemas['ConnectTicketResponse']>(call, signal);
    return { id: answer.id, url: answer.connect_url, expiresAt: new Date(answer.expires_at) };
  }

  /**
   * How a connect ended, or where it stands after a while. One call waits for 55 seconds at most; this repeats it, also while the
   * broker restarts.
   * @param id of the link
   * @param options.waitSeconds how long to wait for the end; 0 by default
   */
  async connectOutcome(
    id: string,
    { waitSeconds = 0, signal }: { readonly waitSeconds?: number; readonly signal?: AbortSignal } = {},
  ): Promise<ConnectOutcome> {
    const end = performance.now() + waitSeconds * 1000;
    for (let failures = 0; ;) {
      const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
      const wait = Math.min(MAX_WAIT_SECONDS, left);
      const path = `/connect/tickets/${encodeURIComponent(id)}`;
      const call = { path, query: { wait: String(wait) }, waitMs: wait * 1000 };
      let answer: Schemas['TicketStatusResponse'];
      try {
        answer = await this.#requests.send(call, signal);
      } catch (error) {
        if (!(error instanceof TokenBrokerError) || !isTransient(error)) throw error;
        const backoffMs = Math.max(waitMsAfter(error, failures++), MIN_PAUSE_MS);
        if (performance.now() + backoffMs >= end) throw error;
        await pause(backoffMs, signal);
        continue;
      }
      failures = 0;
      const hasEnded = !UNFINISHED.has(answer.state);
      if (!hasEnded && performance.now() < end) continue;
      return {
        state: answer.state,
        hasEnded,
        reason: answer.reason,
        requestId: answer.request_id,
        grantId: answer.grant_id,
        account: answer.account,
        missingScopes: answer.missing_scopes,
        insteadOf: answer.instead_of,
      };
    }
  }

  /** See the function of the same name. */
  verifyWebhook(
    rawBody: string | Uint8Array,
    headers: WebhookHeaders,
    secrets: string | readonly string[],
  ): WebhookEvent {
    return verifyWebhook(rawBody, headers, secrets);
  }

  /**
   * The AuthClient that Google's libraries for Node.js take as `auth`. Needs `google-auth-library`, which they bring. A token that Google
   * answers with 401 is replaced once.
   */
  authFor(user: string, options: Omit<TokenOptions, 'refused' | 'signal'> = {}): OAuth2Client {
    return authFor((refused) => this.token(user, refused === null ? options : { ...options, refused }));
  }

  async #fetchToken(
    user: string,
    query: Readonly<Record<string, string | undefined>>,
    signal?: AbortSignal,
  ): Promise<Token> {
    // fetch() resolves these as steps of a path, also when they are percent-encoded.
    if (user === '.' || user === '..') throw new TypeError(`The user id ${user} cannot be sent in a path.`);
    const [startedAt, wallStartedAt] = [performance.now(), Date.now()];
    const call = { path: `/tokens/${encodeURIComponent(user)}`, query };
    const answer = await this.#requests.send<Schemas['TokenResponse']>(call, signal);
    return {
      accessToken: answer.access_token,
      tokenId: answer.token_id,
      expiresAt: new Date(answer.expires_at),
      endsAt: startedAt + answer.expires_in * 1000,
      wallEndsAt: wallStartedAt + answer.expires_in * 1000,
      scopes: answer.scope.split(' '),
      account: answer.account,
      client: answer.client,
      headers: answer.headers ?? {},
    };
  }
}

/** A token with less cannot be used for a call any more. */
const LAST_SECONDS = 10;

/** What one call may wait, by the broker's rule. */
const MAX_WAIT_SECONDS = 55;

const UNFINISHED: ReadonlySet<string> = new Set(['created', 'opened', 'at_google', 'pending']);

type TicketMembers = {
  [Member in keyof Schemas['ConnectTicketDto']]: Schemas['ConnectTicketDto'][Member] | undefined;
};

function pageMembers(user: string, { client, userLabel, locale, returnTo }: PageOptions) {
  return { user_id: user, user_label: userLabel, locale, client, return_to: returnTo };
}

function scopeText(scope: string | readonly string[]): string {
  return typeof scope === 'string' ? scope : scope.join(' ');
}
