import type { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { Dispatcher } from 'undici';
import { proxiesOf, type Proxies } from '../config/proxies.js';
import type { Secret } from '../domain/secret.js';
import { tracing } from '../tracing/tracing.js';

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
  /** The path in traces, with placeholders; true: as it is. Otherwise they name the host only: a path may hold an id, or a secret. */
  readonly tracedPath?: string | true;
  /** The receiver gets the trace's context, as a header: it belongs to the operator. */
  readonly passesTrace?: boolean;
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

type Undici = typeof import('undici');

let undici: Promise<Undici> | undefined;

/** Loaded with the first request: the start need not wait for it. Again, where a new version was just built over this one's files. */
function loadUndici(): Promise<Undici> {
  undici ??= import('undici').catch((error: unknown) => {
    undici = undefined;
    throw error;
  });
  return undici;
}

/**
 * Sends every outbound request of the broker, bounded in time and in bytes: a compressed body counts decompressed, an endless
 * one is cut off. It goes through the proxy that the environment names. Not by fetch, which costs twice as much processor time.
 * @throws {BodyTooLarge}
 * @throws {ProxyRefused}
 * @throws a `TimeoutError`, what `signal` was aborted with, or an error whose cause is that of the connection. It can hold the
 * request, so do not log it
 */
export function send(url: string, request: OutboundRequest): Promise<OutboundResponse> {
  const traces = tracing();
  if (!traces) return exchangeInTime(url, request);
  const { method = 'GET', tracedPath: path, passesTrace: isPassedOn = false } = request;
  return traces.sent({ method, url, path, isPassedOn }, (headers) =>
    exchangeInTime(url, { ...request, headers: { ...request.headers, ...headers } }),
  );
}

async function exchangeInTime(url: string, request: OutboundRequest): Promise<OutboundResponse> {
  const { timeoutMs, signal } = request;
  signal?.throwIfAborted();
  // Cheaper than AbortSignal.timeout and AbortSignal.any.
  const ending = new AbortController();
  let reject: (reason: unknown) => void = () => undefined;
  const ended = new Promise<never>((_, rejectEnded) => (reject = rejectEnded));
  const end = (reason: unknown) => {
    ending.abort(reason);
    reject(reason);
  };
  const timer = setTimeout(() => {
    end(new DOMException('The request took too long.', 'TimeoutError'));
  }, timeoutMs);
  const cancel = () => {
    end(signal?.reason);
  };
  signal?.addEventListener('abort', cancel);
  try {
    // undici ends a request that has no connection yet only when it gets one.
    return await Promise.race([exchange(url, request, ending.signal), ended]);
  } catch (error) {
    throw ending.signal.aborted ? ending.signal.reason : known(error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', cancel);
  }
}

async function exchange(
  url: string,
  { method = 'GET', headers, body, timeoutMs, maxBytes, redirect = 'error' }: OutboundRequest,
  signal: AbortSignal,
): Promise<OutboundResponse> {
  const target = new URL(url);
  const { request } = await loadUndici();
  const response = await request(target, {
    method,
    headers: { ...DEFAULT_HEADERS, ...(body instanceof URLSearchParams ? FORM : {}), ...headers },
    body: body?.toString() ?? null,
    signal,
    dispatcher: await dispatcherFor(target, timeoutMs),
  });
  const status = response.statusCode;
  // It is destroyed where it is not read. A reader gets the error too.
  response.body.on('error', () => undefined);
  if (maxBytes === 0 || (redirect === 'error' && REDIRECTS.has(status))) response.body.destroy();
  if (redirect === 'error' && REDIRECTS.has(status))
    throw new Error(`The response is a redirect (${status}).`);
  const found = { get: (name: string) => one(response.headers[name]) };
  const text = maxBytes === 0 ? '' : await readBody(decoded(response.body, found), maxBytes);
  return { status, headers: found, body: text };
}

const DEFAULT_HEADERS = { accept: '*/*', 'accept-encoding': 'gzip, deflate', 'user-agent': 'token-broker' };
const FORM = { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' };
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const DECODERS: ReadonlyMap<string, () => Transform> = new Map([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
]);
/** Nothing sends more, and each is a stream. */
const MAX_CODINGS = 5;

/** RFC 9110 section 8.4: codings are listed in the order in which they were applied. One that is not known is left as it is. */
function decoded(body: Readable, headers: OutboundResponse['headers']): Readable {
  const codings = headers.get('content-encoding')?.toLowerCase().split(',') ?? [];
  const decoders = codings.map((coding) => DECODERS.get(coding.trim())).reverse();
  if (decoders.length === 0 || decoders.length > MAX_CODINGS || decoders.includes(undefined)) return body;
  return decoders.reduce<Readable>(
    (source, decoder) => (decoder ? pipeline(source, decoder(), () => undefined) : source),
    body,
  );
}

/** Reads chunk by chunk: a body that is too large is rejected before it fills the memory. */
async function readBody(body: Readable, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop early destroys the stream, and with it the connection.
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new BodyTooLarge(`A body is longer than ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  return UTF_8.decode(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
}

const UTF_8 = new TextDecoder();

/** As fetch joins them. */
function one(value: string | string[] | undefined): string | null {
  return Array.isArray(value) ? value.join(', ') : (value ?? null);
}

const agents = new Map<string, Dispatcher>();

/** One for all direct requests; through a proxy, one for each timeout: there are few. */
async function dispatcherFor(target: URL, timeoutMs: number): Promise<Dispatcher> {
  proxies ??= proxiesOf(process.env);
  const proxy = proxies.of(target);
  const name = proxy === null ? '' : `${timeoutMs} ${proxy.reveal()}`;
  let agent = agents.get(name);
  if (!agent) {
    const { Agent } = await loadUndici();
    agent = proxy === null ? new Agent() : await proxyAgent(proxy, timeoutMs);
    agents.set(name, agent);
  }
  return agent;
}

async function proxyAgent(proxy: Secret, timeoutMs: number): Promise<Dispatcher> {
  const { Pool, ProxyAgent } = await loadUndici();
  const { username, password, origin } = new URL(proxy.reveal());
  const userInfo = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  // RFC 7617. https goes through a tunnel (RFC 9110 section 9.3.6), plain http is forwarded.
  const token = username === '' ? {} : { token: `Basic ${Buffer.from(userInfo).toString('base64')}` };
  return new ProxyAgent({
    uri: origin,
    proxyTunnel: false,
    ...token,
    // The signal of a request does not end the tunnel that was asked for it: a silent proxy would hold it for minutes.
    clientFactory: (to, given) => new Pool(to, { ...given, headersTimeout: timeoutMs }),
    requestTls: { timeout: timeoutMs },
  });
}

/** An error that names no request, in the form of fetch: what went wrong is its cause. */
function known(error: unknown): unknown {
  if (error instanceof BodyTooLarge) return error;
  const status = refusalIn(error);
  return status === undefined ? new Error('No response.', { cause: error }) : new ProxyRefused(status);
}

/** undici puts the status only into a message, somewhere among the causes. */
function refusalIn(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const [, status] = /^Proxy response \((\d{3})\)/.exec(error.message) ?? [];
  return status ?? refusalIn(error.cause);
}
