/**
 * The metadata server of Compute Engine, as far as Google's libraries ask it for a token, for the processes of this machine.
 * Owns its paths, forms and refusals. Does not own tokens (token-cache.ts). The original is described at
 * https://cloud.google.com/compute/docs/metadata/querying-metadata.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIPv4, type AddressInfo } from 'node:net';
import { areScopeTokens } from '../../../domain/google/scopes.js';
import type { SidecarToken, LiveToken, TokenCache } from './token-cache.js';

export interface MetadataOptions {
  readonly cache: TokenCache;
  /** The address of the account, where it is known. */
  readonly email: string | null;
  /** Null: there is none for the library. */
  readonly projectId: string | null;
}

interface MetadataResponse {
  readonly status: number;
  readonly text: string;
  readonly type?: 'application/json';
  readonly allow?: string;
  readonly retryAfterSeconds?: number | null;
}

/** A leaf, or a directory of them. */
type MetadataEntry = string | readonly string[] | { readonly [name: string]: MetadataEntry };

const ROOT = '/computeMetadata/v1';

/** Only processes of this machine may ask: no address of a network, no name that a name server could point elsewhere. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

export async function startMetadataServer(
  options: MetadataOptions,
  host: string,
  port: number,
): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    answerFor(request, options)
      .catch((): MetadataResponse => ({ status: 500, text: 'The sidecar failed.' }))
      .then((answer) => {
        respond(response, answer);
      })
      // The library disconnected.
      .catch(() => undefined);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => close(server) };
}

/** Requests in flight are answered; a library that is idle loses its connection. */
async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  setTimeout(() => {
    server.closeAllConnections();
  }, 5000).unref();
  await closed;
}

function respond(
  response: ServerResponse,
  { status, text, type, allow, retryAfterSeconds = null }: MetadataResponse,
): void {
  response.writeHead(status, {
    'metadata-flavor': 'Google',
    server: 'token-broker sidecar',
    'content-type': type ?? 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(allow === undefined ? {} : { allow }),
    ...(retryAfterSeconds === null ? {} : { 'retry-after': String(retryAfterSeconds) }),
  });
  response.end(text);
}

async function answerFor(request: IncomingMessage, options: MetadataOptions): Promise<MetadataResponse> {
  const refusal = refusalOf(request);
  if (refusal !== null) return refusal;
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://metadata');
  if (pathname === '/') return { status: 200, text: 'computeMetadata/\n' };
  if (pathname !== ROOT && !pathname.startsWith(`${ROOT}/`)) return notFound();
  const path = pathname.slice(ROOT.length).split('/').filter(Boolean).map(decoded);
  const ofAccount = accountPathOf(path, options);
  if (ofAccount?.join('/') === 'token') return tokenFor(searchParams, options);
  if (ofAccount?.[0] === 'identity') return { status: 404, text: 'A user has no identity token here.\n' };
  const isRecursive = ['true', '1'].includes((searchParams.get('recursive') ?? '').toLowerCase());
  const asJson = searchParams.get('alt') === 'json' || (isRecursive && searchParams.get('alt') !== 'text');
  // Only these show scopes, which come with a token: a library that looks whether the server is there must not fail.
  const kept = isRecursive || ofAccount?.join('/') === 'scopes' ? await options.cache.token() : null;
  if (kept && kept.kind !== 'live') return refused(kept);
  const canonical = ofAccount === null ? path : ['instance', 'service-accounts', 'default', ...ofAccount];
  const entry = find(treeOf(options, kept), canonical);
  return entry === undefined ? notFound() : shown(entry, isRecursive, asJson);
}

/** What the original refuses as well; and a Host that is not of this machine, which DNS rebinding would show. */
function refusalOf({ method, headers }: IncomingMessage): MetadataResponse | null {
  if (!isLoopback(hostnameOf(headers.host))) {
    return {
      status: 403,
      text: 'This Host is refused: use the address that the sidecar printed, such as 127.0.0.1:PORT.\n',
    };
  }
  if (headers['x-forwarded-for'] !== undefined)
    return {
      status: 403,
      text: 'A request with X-Forwarded-For is refused: no proxy may stand in between.\n',
    };
  if (headers['metadata-flavor'] !== 'Google')
    return { status: 403, text: 'The header Metadata-Flavor: Google is missing.\n' };
  return method === 'GET' || method === 'HEAD'
    ? null
    : { status: 405, text: 'Only GET is answered.\n', allow: 'GET, HEAD' };
}

function hostnameOf(host = ''): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(host) ?? [];
  return (bracketed ?? plain ?? '').toLowerCase();
}

/** The path below the one account, which has an address and the name `default`; null for another path. */
function accountPathOf(path: readonly string[], { email }: MetadataOptions): string[] | null {
  const [instance, accounts, name, ...rest] = path;
  const isAccount = name === 'default' || (email !== null && name === email);
  return instance === 'instance' && accounts === 'service-accounts' && isAccount ? rest : null;
}

async function tokenFor(parameters: URLSearchParams, { cache }: MetadataOptions): Promise<MetadataResponse> {
  const scopes = (parameters.get('scopes') ?? '').split(/[,\s]+/).filter(Boolean);
  if (!areScopeTokens(scopes)) return { status: 400, text: 'These scopes are not scopes.\n' };
  const kept = await (scopes.length === 0 ? cache.token() : cache.token(scopes));
  if (kept.kind !== 'live') return refused(kept);
  const { token, expiresInSeconds } = kept;
  const json = {
    access_token: token.accessToken.reveal(),
    expires_in: expiresInSeconds,
    token_type: 'Bearer',
  };
  return { status: 200, text: JSON.stringify(json), type: 'application/json' };
}

/**
 * As text: the libraries show the body of a refusal as it is, and a developer sees the link. As 400: 403 and 404 have messages
 * of their own in them, about Compute Engine, and 5xx is tried again.
 */
function refused(kept: Exclude<SidecarToken, LiveToken>): MetadataResponse {
  if (kept.kind === 'refused') return { status: 400, text: `${kept.message} (${kept.error})\n` };
  return { status: 503, text: `${kept.message}\n`, retryAfterSeconds: kept.retryAfterSeconds };
}

function notFound(): MetadataResponse {
  return { status: 404, text: 'The sidecar has no such metadata.\n' };
}

function treeOf({ email, projectId }: MetadataOptions, kept: LiveToken | null): MetadataEntry {
  const account = {
    aliases: ['default'],
    email: email ?? 'default',
    scopes: kept?.token.scopes ?? [],
    token: '',
  };
  const project: MetadataEntry = projectId === null ? {} : { 'project-id': projectId };
  return {
    instance: { 'service-accounts': { default: account, ...(email === null ? {} : { [email]: account }) } },
    project,
    universe: { 'universe-domain': 'googleapis.com' },
  };
}

function find(tree: MetadataEntry, path: readonly string[]): MetadataEntry | undefined {
  let entry: MetadataEntry | undefined = tree;
  for (const name of path) {
    if (entry === undefined || isLeaf(entry)) return undefined;
    entry = Object.hasOwn(entry, name) ? entry[name] : undefined;
  }
  return entry;
}

function isLeaf(entry: MetadataEntry): entry is string | readonly string[] {
  return typeof entry === 'string' || Array.isArray(entry);
}

function shown(entry: MetadataEntry, isRecursive: boolean, asJson: boolean): MetadataResponse {
  if (isLeaf(entry)) return asJson ? json(entry) : text(typeof entry === 'string' ? entry : lines(entry));
  if (!isRecursive)
    return text(lines(Object.entries(entry).map(([name, below]) => (isLeaf(below) ? name : `${name}/`))));
  return asJson ? json(camelCased(entry)) : text(lines(flattened(entry)));
}

function text(content: string): MetadataResponse {
  return { status: 200, text: content };
}

function json(value: unknown): MetadataResponse {
  return { status: 200, text: JSON.stringify(value), type: 'application/json' };
}

function lines(values: readonly string[]): string {
  return values.map((value) => `${value}\n`).join('');
}

/** The original writes `service-accounts` as `serviceAccounts`, leaves the names of accounts, and shows no token. */
function camelCased(entry: MetadataEntry): unknown {
  if (isLeaf(entry)) return entry;
  const members = Object.entries(entry).filter(([name]) => name !== 'token');
  return Object.fromEntries(
    members.map(([name, below]) => [
      name.includes('@') ? name : name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      camelCased(below),
    ]),
  );
}

function flattened(entry: MetadataEntry, path: readonly string[] = []): string[] {
  if (typeof entry === 'string') return path.at(-1) === 'token' ? [] : [`${path.join('/')} ${entry}`];
  if (isLeaf(entry)) return entry.map((value) => `${path.join('/')} ${value}`);
  return Object.entries(entry).flatMap(([name, below]) => flattened(below, [...path, name]));
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
