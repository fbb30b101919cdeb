/** The broker's API as a service sees it, and the browser that a user brings. */
import { contractOf } from './contract.js';
import { visitConsent, type Choice } from './visit-consent.js';

export interface ApiResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
  readonly text: string;
}

export class Api {
  constructor(
    readonly url: string,
    readonly key: string,
  ) {}

  get(
    path: string,
    query: Record<string, string> = {},
    headers: Record<string, string> = {},
  ): Promise<ApiResponse> {
    return this.#send('GET', path, { query, headers });
  }

  delete(path: string, query: Record<string, string> = {}): Promise<ApiResponse> {
    return this.#send('DELETE', path, { query });
  }

  post(path: string, body: unknown): Promise<ApiResponse> {
    return this.#send('POST', path, { body });
  }

  token(userId: string, query: Record<string, string> = {}): Promise<ApiResponse> {
    return this.get(`/tokens/${userId}`, query);
  }

  async connectUrl(ticket: Record<string, unknown>): Promise<string> {
    const { status, body, text } = await this.post('/connect/tickets', ticket);
    if (status !== 201) throw new Error(`No ticket: ${text}`);
    return body['connect_url'] as string;
  }

  /** A ticket as `POST /connect/tickets` answers it. */
  async ticket(ticket: Record<string, unknown>): Promise<{ id: string; url: string; expiresAt: string }> {
    const { status, body, text } = await this.post('/connect/tickets', ticket);
    if (status !== 201) throw new Error(`No ticket: ${text}`);
    return {
      id: String(body['id']),
      url: String(body['connect_url']),
      expiresAt: String(body['expires_at']),
    };
  }

  /** The whole way, as a user with a browser goes it. @returns what the browser shows in the end */
  async connect(ticket: Record<string, unknown>, choice: Choice): Promise<ApiResponse> {
    return new Browser().connect(await this.connectUrl(ticket), choice);
  }

  async #send(
    method: string,
    path: string,
    {
      query = {},
      headers = {},
      body,
    }: { query?: Record<string, string>; headers?: Record<string, string>; body?: unknown },
  ): Promise<ApiResponse> {
    const url = new URL(path, this.url);
    url.search = new URLSearchParams(query).toString();
    const response = await fetch(url, {
      method,
      headers: {
        ...headers,
        authorization: `Bearer ${this.key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const received = await toApiResponse(response);
    const contract = await contractOf(this.url);
    const type = received.headers.get('content-type');
    contract.check(
      method,
      url.pathname,
      received.status,
      type,
      type === 'application/x-ndjson' ? received.text : received.body,
    );
    return received;
  }
}

/** A browser without JavaScript: cookies, forms, redirects followed by hand. */
export class Browser {
  readonly cookies = new Map<string, string>();

  /** Opens a connect link and presses its button. @returns Google's consent URL */
  async begin(connectUrl: string): Promise<URL> {
    const page = await this.open(connectUrl);
    const ticket = /name="ticket" value="([^"]+)"/.exec(page.text)?.[1];
    if (ticket === undefined) throw new Error(`No connect page: ${page.text}`);
    const [, action = '/connect'] = /<form method="post" action="([^"]+)"/.exec(page.text) ?? [];
    const response = await this.submit(new URL(action, connectUrl), { ticket });
    const location = response.headers.get('location');
    if (response.status !== 303 || location === null) throw new Error(`No way to Google: ${response.text}`);
    return new URL(location);
  }

  async connect(connectUrl: string, choice: Choice): Promise<ApiResponse> {
    let callback = await visitConsent(await this.begin(connectUrl), choice);
    let response = await this.open(callback);
    // Asked to consent once more.
    if (response.headers.get('location')?.includes('/o/oauth2/')) {
      callback = await visitConsent(response.headers.get('location') ?? '', choice);
      response = await this.open(callback);
    }
    return response;
  }

  async open(url: string | URL): Promise<ApiResponse> {
    return this.#fetch(url, {});
  }

  /** Presses the button of a link whose scopes are all held. @returns what the browser shows in the end */
  async connectHeld(connectUrl: string): Promise<ApiResponse> {
    await this.open(connectUrl);
    const ticket = new URL(connectUrl).searchParams.get('ticket') ?? '';
    return this.submit(new URL('/connect', connectUrl), { ticket });
  }

  async submit(url: URL, fields: Record<string, string>): Promise<ApiResponse> {
    return this.#fetch(url, { method: 'POST', body: new URLSearchParams(fields) });
  }

  async #fetch(url: string | URL, init: RequestInit): Promise<ApiResponse> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: { accept: 'text/html', ...(cookie === '' ? {} : { cookie }) },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (name === undefined || value === undefined) continue;
      if (/Max-Age=0|Expires=Thu, 01 Jan 1970/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    // Where the broker shows an outcome: an address without code and state.
    const location = response.headers.get('location');
    if (location?.startsWith('/connect/result?')) return this.open(new URL(location, url));
    return toApiResponse(response);
  }
}

/** NDJSON is lines of it, and as a whole is text. */
function isJson(type: string | null): boolean {
  return type?.includes('json') === true && !type.includes('ndjson');
}

async function toApiResponse(response: Response): Promise<ApiResponse> {
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson(response.headers.get('content-type')) ? (JSON.parse(text) as Record<string, unknown>) : {},
  };
}
