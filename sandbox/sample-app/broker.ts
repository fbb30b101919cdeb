/** Why a grant gives no tokens, and who can change that. */
interface Diagnosis {
  readonly cause: string;
  readonly who_must_act: 'user' | 'workspace_admin' | 'operator';
  readonly detail: string;
}

/** A grant as GET /users/:userId/grants lists it; only what this app shows. */
export interface Grant {
  readonly id: string;
  readonly account: { readonly sub: string; readonly email: string | null };
  readonly status: 'active' | 'suspended' | 'revoking' | 'reconnect_required' | 'revoked';
  readonly scope: string;
  readonly missing_scopes: readonly string[];
  readonly diagnosis: Partial<Diagnosis> | null;
}

export interface Token {
  readonly access_token: string;
  readonly expires_in: number;
  readonly scope: string;
  /** Names it where Google refuses it. */
  readonly token_id: string;
  /** With `customer_id`: what a call of Google Ads needs besides. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly account: { readonly sub: string; readonly email: string | null };
}

/** The parameters of the broker's GET routes that this app uses. */
export interface TokenQuery {
  readonly scope?: string | undefined;
  readonly account?: string | undefined;
  /** A Google Ads account. */
  readonly customer_id?: string | undefined;
  /** `token_id` of one that Google refused: the broker gets another. */
  readonly refused?: string | undefined;
  /** Where the link in a refusal leads back to. */
  readonly return_to?: string | undefined;
  /** `next` of the page before. */
  readonly cursor?: string | undefined;
}

/** A Google Ads account that a user reaches. */
export interface AdsCustomer {
  readonly id: string;
  readonly name: string | null;
  readonly manager: boolean;
  /** Directly above it, as far as the user can see. */
  readonly managers: readonly string[];
  /** The best path first. */
  readonly access: readonly {
    readonly login_customer_id: string;
    readonly role: string | null;
    readonly header_needed: boolean;
  }[];
}

/** The Google Ads accounts that a user reaches, and those about which something is missing. */
export interface AdsAccounts {
  readonly customers: AdsCustomer[];
  readonly gaps: {
    readonly customer_id: string;
    readonly why: string;
    readonly cause: string | null;
    readonly remedy: string | null;
  }[];
}

export interface ConnectRequest {
  readonly user_id: string;
  readonly scope: string;
  readonly account_hint?: string | undefined;
  readonly return_to: string;
}

/** The broker's problem details (RFC 9457). */
export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly code: string;
  readonly detail: string;
  readonly request_id: string;
  /** Where the user can fix it. */
  readonly connect_url?: string;
  readonly cause?: string;
  readonly who_must_act?: Diagnosis['who_must_act'];
}

export class BrokerRefusal extends Error {
  override readonly name = 'BrokerRefusal';

  constructor(readonly problem: Problem) {
    super(problem.title);
  }
}

export class BrokerUnavailable extends Error {
  override readonly name = 'BrokerUnavailable';
}

const TIMEOUT_MS = 15_000;

/** The broker's HTTP API, as far as this app needs it. Every call throws `BrokerRefusal` or `BrokerUnavailable`. */
export class Broker {
  readonly #url: string;
  readonly #serviceKey: string;

  constructor(url: string, serviceKey: string) {
    this.#url = url;
    this.#serviceKey = serviceKey;
  }

  async grants(userId: string): Promise<Grant[]> {
    // The first page is enough for a sample: it has a hundred accounts.
    const answer = await this.#call('GET', `/users/${encodeURIComponent(userId)}/grants`);
    return (answer as { grants: Grant[] }).grants;
  }

  async token(userId: string, query: TokenQuery): Promise<Token> {
    return (await this.#call('GET', `/tokens/${encodeURIComponent(userId)}?${inQuery(query)}`)) as Token;
  }

  /** All Google Ads accounts that a user reaches, page after page. */
  async adsAccounts(userId: string, account?: string): Promise<AdsAccounts> {
    const all: AdsAccounts = { customers: [], gaps: [] };
    let cursor: string | undefined;
    do {
      const path = `/users/${encodeURIComponent(userId)}/ads/customers?${inQuery({ account, cursor })}`;
      const page = (await this.#call('GET', path)) as AdsAccounts & { readonly next: string | null };
      all.customers.push(...page.customers);
      all.gaps.push(...page.gaps);
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    return all;
  }

  /** A link that takes the user to Google, and back to `return_to`. */
  async connectUrl(request: ConnectRequest): Promise<string> {
    return ((await this.#call('POST', '/connect/tickets', request)) as { connect_url: string }).connect_url;
  }

  /** A link to the broker's page where the user sees and ends what this app holds. */
  async manageUrl(userId: string, returnTo: string): Promise<string> {
    const request = { purpose: 'manage', user_id: userId, return_to: returnTo };
    return ((await this.#call('POST', '/connect/tickets', request)) as { connect_url: string }).connect_url;
  }

  /** @returns how many other grants ended with it at Google, and whether Google has confirmed */
  async disconnect(
    grantId: string,
    mode: 'revoke' | 'local',
  ): Promise<{ readonly others: number; readonly isFinished: boolean }> {
    const answer = await this.#call('DELETE', `/grants/${encodeURIComponent(grantId)}?mode=${mode}`);
    const { disconnected, also_revoked_total: others } = answer as {
      disconnected: Grant;
      also_revoked_total: number;
    };
    return { others, isFinished: disconnected.status !== 'revoking' };
  }

  async #call(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(new URL(path, this.#url), {
      method,
      headers: {
        authorization: `Bearer ${this.#serviceKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch(() => {
      throw new BrokerUnavailable(`The broker at ${this.#url} does not answer. Is it running?`);
    });
    if (response.ok) return response.json();
    if (response.headers.get('content-type')?.startsWith('application/problem+json')) {
      throw new BrokerRefusal((await response.json()) as Problem);
    }
    throw new BrokerUnavailable(
      `What answers at ${this.#url} is not the broker (status ${response.status}).`,
    );
  }
}

function inQuery(query: TokenQuery): string {
  const given = Object.entries(query as Readonly<Record<string, string | undefined>>).flatMap(
    ([name, value]) => (value === undefined ? [] : [[name, value]]),
  );
  return new URLSearchParams(given).toString();
}
