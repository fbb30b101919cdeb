/**
 * Where a command reaches the broker, and how its token endpoint names a user. Owns the order of option and settings, and
 * the audience of a token exchange. Does not own the path of the endpoint (token-source.ts), the exchange
 * itself (token-request.ts), nor what is in a file.
 */
import { isOrigin } from '../../config/setting.js';
import { isUserId, USER_ID_RULE } from '../../domain/access/user-rule.js';
import { faultyConfiguration, wrongUsage } from '../shared/failure.js';
import { readSomeSettings } from '../shared/some-settings.js';

export interface BrokerAddress {
  /** The origin that requests go to. */
  readonly origin: string;
  /**
   * PUBLIC_URL of the broker: audiences begin with it. Asked of the broker, where the settings do not say it, until it answers.
   * @throws {IssuerUnknown}
   */
  readonly issuer: (signal?: AbortSignal) => Promise<string>;
  /** What the user of the command should know about the address. */
  readonly notes: readonly string[];
}

export class IssuerUnknown extends Error {
  override readonly name = 'IssuerUnknown';
}

/** Whose token is asked for, and which one of several. */
export interface TokenOwner {
  readonly userId: string;
  readonly client: string | null;
  readonly account: string | null;
}

/** Whether the settings say where a broker is. */
export function isBrokerConfigured(env: NodeJS.ProcessEnv): boolean {
  return Boolean(env['TOKEN_BROKER_URL'] || env['PUBLIC_URL']);
}

/**
 * @param given --broker; otherwise TOKEN_BROKER_URL, then PUBLIC_URL
 * @throws {Failure} where none of them names an origin
 */
export async function findBroker(given: string | null, env: NodeJS.ProcessEnv): Promise<BrokerAddress> {
  const { environment, faultsOf } = await readSomeSettings(env, {
    TOKEN_BROKER_URL: given?.replace(/\/$/, ''),
  });
  const faults = faultsOf('TOKEN_BROKER_URL');
  if (faults.length > 0 && given !== null)
    throw wrongUsage('--broker must be an origin such as https://broker.example.com, without a path.');
  if (faults.length > 0) throw faultyConfiguration(faults);
  const publicUrl = faultsOf('PUBLIC_URL').length > 0 ? null : environment.PUBLIC_URL;
  const origin = environment.TOKEN_BROKER_URL ?? publicUrl;
  if (origin === null)
    throw wrongUsage('--broker is needed where neither TOKEN_BROKER_URL nor PUBLIC_URL is set.');
  const notes = isReadableOnTheWay(origin) ? [READABLE] : [];
  // One that was named in the command may be another broker than the one of these settings.
  const isKnown = publicUrl !== null && (given === null || publicUrl === origin);
  let issuer = isKnown ? publicUrl : null;
  return { origin, notes, issuer: async (signal) => (issuer ??= await discoverIssuer(origin, signal)) };
}

/** For a file that is written once, whether the broker answers or not. */
export async function issuerForFile({
  origin,
  issuer,
  notes,
}: BrokerAddress): Promise<{ readonly issuer: string; readonly notes: readonly string[] }> {
  try {
    return { issuer: await issuer(), notes };
  } catch (error) {
    if (!(error instanceof IssuerUnknown)) throw error;
    const note =
      `The broker at ${origin} does not answer, so the audience begins with this address. If its PUBLIC_URL is another one, ` +
      'run the command again while it answers.';
    return { issuer: origin, notes: [...notes, note] };
  }
}

const READABLE =
  'The broker is reached by http: keys and tokens can be read on the way. Use https outside a trusted network.';

function isReadableOnTheWay(origin: string): boolean {
  return /^http:\/\/(?!(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$)/i.test(origin);
}

const DISCOVERY_TIMEOUT_MS = 5000;

/**
 * RFC 8414 section 3. The issuer is only taken into audiences: credentials go to the address that was named, never to one
 * that a document names.
 */
async function discoverIssuer(origin: string, signal?: AbortSignal): Promise<string> {
  const { fetchJson } = await import('../../outbound/fetch-json.js');
  const { issuer } = await fetchJson(
    `${origin}/.well-known/oauth-authorization-server`,
    DISCOVERY_TIMEOUT_MS,
    signal,
  ).catch((error: unknown) => {
    throw new IssuerUnknown(causeOf(error));
  });
  if (typeof issuer === 'string' && isOrigin(issuer)) return issuer;
  throw new IssuerUnknown('Its metadata name none.');
}

/** The code of the connection's error, somewhere among the causes; otherwise the name of the innermost, or what it says. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code === 'string') return code;
  if (error.cause !== undefined) return causeOf(error.cause);
  return error.name === 'Error' ? error.message : error.name;
}

/**
 * The audience of a token exchange (RFC 8693 section 2.1), as `POST /oauth2/token` reads it. Encoded, so that no user id puts
 * `projects/` into it: google-auth for Python and Node would ask Google for such a project.
 */
export function audienceOf(issuer: string, { userId, client, account }: TokenOwner): string {
  const query = new URLSearchParams({
    ...(client === null ? {} : { client }),
    ...(account === null ? {} : { account }),
  }).toString();
  return `${issuer}/users/${encodeURIComponent(userId)}${query === '' ? '' : `?${query}`}`;
}

/** @throws {Failure} for a user id that no broker has */
export function assertUserId(userId: string, command: string): void {
  if (!isUserId(userId)) throw wrongUsage(`--user ${USER_ID_RULE}`, command);
}
