/** A stand-in for the broker's token endpoint, whose responses a test chooses: what commands and libraries make of them. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface EndpointResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: object | string;
}

export const LINK = 'https://broker.example.com/connect?ticket=abc';

/** RFC 6749 section 5.2, as POST /oauth2/token writes it. */
export const RECONNECT: EndpointResponse = {
  status: 400,
  body: {
    error: 'invalid_grant',
    error_description: `Access ended: send the user to error_uri. ${LINK} The user revoked the access at Google.`,
    error_uri: LINK,
    code: 'reconnect_required',
  },
};

export const OUTAGE: EndpointResponse = {
  status: 503,
  headers: { 'retry-after': '1' },
  body: { error: 'temporarily_unavailable', error_description: 'Google does not answer.' },
};

export class TokenEndpoint {
  /** The forms that came, in order, with path and Authorization header. */
  readonly requests: {
    readonly path: string;
    readonly form: Record<string, string>;
    readonly authorization: string | null;
  }[] = [];
  /** Chooses the response to a request. */
  respond: (form: Record<string, string>) => EndpointResponse = () => this.token();
  issuer: string | null = null;
  /** Of the next tokens. */
  expiresIn = 3599;
  #tokens = 0;

  private constructor(
    readonly server: Server,
    readonly url: string,
  ) {}

  /** @param port that of an earlier one, to be the broker after a restart */
  static async start(port = 0): Promise<TokenEndpoint> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const endpoint = new TokenEndpoint(server, url);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { status, headers, body } = endpoint.#handle(
          `${request.method ?? ''} ${request.url ?? ''}`,
          Buffer.concat(chunks).toString(),
          request.headers.authorization ?? null,
        );
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(typeof body === 'string' ? body : JSON.stringify(body));
      });
    });
    return endpoint;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** The newest access token. */
  get newest(): string {
    return `ya29.token-${this.#tokens}`;
  }

  token(): EndpointResponse {
    this.#tokens += 1;
    return {
      status: 200,
      body: {
        access_token: this.newest,
        token_type: 'Bearer',
        expires_in: this.expiresIn,
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        scope: 'https://www.googleapis.com/auth/drive openid',
      },
    };
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  #handle(target: string, body: string, authorization: string | null): EndpointResponse {
    if (target === 'GET /.well-known/oauth-authorization-server')
      return this.issuer === null
        ? { status: 404, body: {} }
        : {
            status: 200,
            body: { issuer: this.issuer, token_endpoint: 'https://elsewhere.example.com/token' },
          };
    const [, path] = /^POST ((?:\/users\/[^/]+|\/cells\/\w+)?\/oauth2\/token)$/.exec(target) ?? [];
    if (path === undefined) return { status: 404, body: {} };
    const form = Object.fromEntries(new URLSearchParams(body));
    this.requests.push({ path, form, authorization });
    return this.respond(form);
  }
}
