import { proxiesOf, type Proxies } from '../config/proxies.js';
import type { Secret } from '../domain/secret.js';

export interface OutboundRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams;
  /** Covers everything from the connection to the last byte of the body. */
  readonly timeoutMs: number;
  /** The longest body that is read, after decoding; 0: only status and headers are of interest. */
  readonly maxBytes: number;
  /** By default a redirect is an error: it could take a token to an address that is not configured. */
  readonly redirect?: 'error' | 'manual';
  /** Cancels the request. */
  readonly signal?: AbortSignal | undefined;
}

export interface OutboundResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: string;
}

/** A body exceeds the limit. The connection is closed without reading the remainder. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

/** The proxy refused to open a tunnel. */
export class ProxyRefused extends Error {
  override readonly name = 'ProxyRefused';

  constructor(readonly status: string) {
    super(`The proxy answered ${status}.`);
  }
}

/** Like a private CA (NODE_EXTRA_CA_CERTS), proxies belong to the process and not to one use of it. */
let proxies: Proxies | undefined;

/**
 * Sends every outbound request of the broker, bounded in time and in bytes: a compressed body counts decompressed, an endless
 * one is cut off. It goes through the proxy that the environment names.
 * @throws {BodyTooLarge}
 * @throws {ProxyRefused}
 * @throws what fetch throws; an error can hold the request, so do not log it
 */
export async function send(url: string, request: OutboundRequest): Promise<OutboundResponse> {
  const { timeoutMs, maxBytes, redirect = 'error', signal, ...init } = request;
  const signals = [AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])];
  const options = { ...init, redirect, signal: AbortSignal.any(signals) };
  proxies ??= proxiesOf(process.env);
  const proxy = proxies.of(new URL(url));
  const response =
    proxy === null ? await fetch(url, options) : await fetchThrough(proxy, url, timeoutMs, options);
  const { status, headers } = response;
  if (maxBytes === 0) {
    await response.body?.cancel().catch(() => undefined);
    return { status, headers, body: '' };
  }
  return { status, headers, body: await readBody(response.body, maxBytes) };
}

/** Reads chunk by chunk: a body that is too large is rejected before it fills the memory. */
async function readBody(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop early cancels the stream, and with it the connection.
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new BodyTooLarge(`A body is longer than ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

type Undici = typeof import('undici');

/** Loaded only where there is a proxy: Node's own fetch supports none on the oldest supported Node. */
let undici: Promise<Undici> | undefined;
const agents = new Map<string, InstanceType<Undici['ProxyAgent']>>();

async function fetchThrough(
  proxy: Secret,
  url: string,
  timeoutMs: number,
  options: RequestInit & Pick<OutboundRequest, 'headers' | 'body'>,
): Promise<Response> {
  const { Pool, ProxyAgent, fetch: proxiedFetch } = await (undici ??= import('undici'));
  const uri = proxy.reveal();
  // One agent for each timeout: there are few.
  const name = `${timeoutMs} ${uri}`;
  let agent = agents.get(name);
  if (!agent) {
    const { username, password, origin } = new URL(uri);
    const userInfo = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    // RFC 7617. https goes through a tunnel (RFC 9110 section 9.3.6), plain http is forwarded.
    const token = username === '' ? {} : { token: `Basic ${Buffer.from(userInfo).toString('base64')}` };
    agent = new ProxyAgent({
      uri: origin,
      proxyTunnel: false,
      ...token,
      // The signal of a request does not end the tunnel that was asked for it: a silent proxy would hold it for minutes.
      clientFactory: (to, given) => new Pool(to, { ...given, headersTimeout: timeoutMs }),
      requestTls: { timeout: timeoutMs },
    });
    agents.set(name, agent);
  }
  try {
    return (await proxiedFetch(url, { ...options, dispatcher: agent })) as unknown as Response;
  } catch (error) {
    const status = refusalIn(error);
    throw status === undefined ? error : new ProxyRefused(status);
  }
}

/** undici puts the status only into a message, somewhere among the causes. */
function refusalIn(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const [, status] = /^Proxy response \((\d{3})\)/.exec(error.message) ?? [];
  return status ?? refusalIn(error.cause);
}
