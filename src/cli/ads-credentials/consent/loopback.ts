import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CredentialsOutcome, credentialsPage } from '../../../pages/credentials-page.js';
import { type Locale, localeOf } from '../../../pages/locale.js';
import { selfContained } from '../../../pages/page.js';
import { STYLE } from '../../../pages/style.js';
import { EXIT, Failure } from '../../shared/failure.js';
import type { LoopbackAddress } from './loopback-address.js';

/** What the browser gets: a page in its language, or a redirect. */
type Reply =
  | { readonly status: number; readonly page: (locale: Locale) => string }
  | { readonly location: string };

/** The result of one visit of the browser; without `outcome`, another visit follows. */
export interface VisitResult<T> {
  readonly reply: Reply;
  readonly outcome?: { readonly value: T } | { readonly failure: unknown };
}

const HEADERS = {
  'cache-control': 'no-store',
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; img-src data:; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  // The address of the page holds the code.
  'referrer-policy': 'no-referrer',
  connection: 'close',
};

/** Google always sends one of these; a browser that the user opens there sends none. */
const RESPONSE_PARAMETERS = ['state', 'code', 'error'];

/** A server on this machine that waits for one browser (RFC 8252 section 7.3). */
export class Loopback {
  #visit: ((query: URLSearchParams) => Promise<VisitResult<unknown>>) | null = null;
  #settle: (outcome: NonNullable<VisitResult<unknown>['outcome']>) => void = () => undefined;

  private constructor(
    private readonly servers: readonly Server[],
    private readonly path: string,
    readonly redirectUri: string,
  ) {
    for (const server of servers) {
      server.on('request', (request, response) => void this.#answer(request, response));
    }
  }

  /** @throws {Failure} when the port is taken or may not be used */
  static async open(address: LoopbackAddress): Promise<Loopback> {
    const servers: Server[] = [];
    let { port } = address;
    try {
      for (const host of address.hosts) {
        const server = await listen(host, port);
        if (server === null) continue;
        servers.push(server);
        ({ port } = server.address() as AddressInfo);
      }
    } catch (error) {
      for (const server of servers) server.close();
      throw cannotListen(error, port);
    }
    return new Loopback(servers, address.path, address.redirectUri ?? `http://127.0.0.1:${port}`);
  }

  /**
   * Waits for the browser.
   * @param visit handles one authorization response; another one is refused meanwhile, and after its outcome
   * @param seconds how long the browser may take; a visit that began in time is finished
   * @throws {Failure} `timed_out`, or what the visit failed with
   */
  async receive<T>(visit: (query: URLSearchParams) => Promise<VisitResult<T>>, seconds: number): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const deadline = setInterval(() => {
      if (this.#visit === null) return;
      this.#visit = null;
      reject(timedOut(seconds));
    }, seconds * 1000);
    this.#visit = visit;
    this.#settle = (outcome) => {
      if ('value' in outcome) resolve(outcome.value as T);
      else reject(outcome.failure);
    };
    try {
      return await promise;
    } finally {
      clearInterval(deadline);
    }
  }

  /**
   * The same for an authorization response that no browser can bring here: the person copied its address.
   * @returns null while another response is handled, and after the outcome
   */
  async deliver(parameters: URLSearchParams): Promise<Reply | null> {
    const handled = await this.#handle(parameters);
    handled?.finish();
    return handled?.reply ?? null;
  }

  close(): void {
    for (const server of this.servers) {
      server.close();
      server.closeAllConnections();
    }
  }

  async #answer({ url = '', method, headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path, query = ''] = url.split('?', 2);
    if (path !== this.path || method !== 'GET') {
      response.writeHead(404, HEADERS).end();
      return;
    }
    const parameters = new URLSearchParams(query);
    const locale = localeOf(null, headers['accept-language']);
    if (!RESPONSE_PARAMETERS.some((name) => parameters.has(name))) {
      await send(response, { status: 400, page: pageOf({ kind: 'waiting' }) }, locale);
      return;
    }
    const handled = await this.#handle(parameters);
    if (handled === null) {
      await send(response, { status: 409, page: pageOf({ kind: 'over' }) }, locale);
      return;
    }
    // The process may end with the outcome, so the browser gets its page first.
    await send(response, handled.reply, locale);
    handled.finish();
  }

  /** @returns null while another response is handled, and after the outcome */
  async #handle(
    parameters: URLSearchParams,
  ): Promise<{ readonly reply: Reply; readonly finish: () => void } | null> {
    const visit = this.#visit;
    if (visit === null) return null;
    this.#visit = null;
    const { reply, outcome } = await visit(parameters).catch((failure: unknown) => failed(failure));
    const finish = () => {
      if (outcome) this.#settle(outcome);
      else this.#visit = visit;
    };
    return { reply, finish };
  }
}

/** A visit that failed. The page shows the message of a Failure. */
export function failed(failure: unknown): VisitResult<never> {
  const detail = failure instanceof Failure ? failure.message : 'An unexpected error occurred.';
  return { reply: { status: 400, page: pageOf({ kind: 'failed', detail }) }, outcome: { failure } };
}

export function pageOf(outcome: CredentialsOutcome): (locale: Locale) => string {
  return (locale) => credentialsPage(locale, outcome);
}

function send(response: ServerResponse, reply: Reply, locale: Locale): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  response.once('close', () => {
    resolve(undefined);
  });
  if ('location' in reply) response.writeHead(303, { ...HEADERS, location: reply.location }).end();
  else response.writeHead(reply.status, HEADERS).end(selfContained(reply.page(locale)));
  return promise;
}

/** @returns null where this machine has no such address, such as one without IPv6 */
function listen(host: string, port: number): Promise<Server | null> {
  const { promise, resolve, reject } = Promise.withResolvers<Server | null>();
  const server = createServer();
  server.once('error', (error: NodeJS.ErrnoException) => {
    const isMissing = host === '::1' && ['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(error.code ?? '');
    if (isMissing) resolve(null);
    else reject(error);
  });
  server.listen(port, host, () => {
    resolve(server);
  });
  return promise;
}

function cannotListen(error: unknown, port: number): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== 'listen' || code === undefined) return error;
  if (code === 'EADDRINUSE') {
    return new Failure(
      EXIT.portInUse,
      'port_in_use',
      `The port ${port} is in use on this machine. Stop what listens there, or name another one with --port; where ` +
        'that is the broker itself, use --store.',
    );
  }
  return new Failure(
    EXIT.portInUse,
    'port_not_usable',
    `The port ${port} cannot be listened on (${code}). Name another one with --port.`,
  );
}

function timedOut(seconds: number): Failure {
  return new Failure(
    EXIT.timedOut,
    'timed_out',
    `The browser did not come back within ${seconds} seconds. Run the command again, with a longer --timeout if need ` +
      'be. If Google showed an error page, docs/google-errors.md says what to do.',
  );
}
