/**
 * Where a command reaches the broker, and how its token endpoint names a user. Owns the order of option and settings, and
 * the audience of a token exchange. Does not own the exchange itself (token-request.ts), nor what is in a file.
 */
import { isOrigin } from '../../config/setting.js';
import { isUserId, USER_ID_RULE } from '../../domain/access/user-rule.js';
import { faultyConfiguration, wrongUsage } from '../shared/failure.js';
import { readSomeSettings } from '../shared/some-settings.js';

export interface BrokerAddress {
  /** The origin that requests go to. */
  readonly origin: string;
  /** PUBLIC_URL of the broker: audiences begin with it. */
  readonly issuer: string;
  readonly tokenUrl: string;
  /** What the user of the command should know about the address. */
  readonly notes: readonly string[];
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
  const address = { origin, tokenUrl: `${origin}/oauth2/token` };
  const notes = isReadableOnTheWay(origin) ? [READABLE] : [];
  // One that was named in the command may be another broker than the one of these settings.
  if (publicUrl !== null && (given === null || publicUrl === origin))
    return { ...address, issuer: publicUrl, notes };
  const issuer = await discoverIssuer(origin);
  if (issuer !== null) return { ...address, issuer, notes };
  const note =
    `The broker at ${origin} does not answer, so the audience begins with this address. If its PUBLIC_URL is another one, ` +
    'run the command again while it answers.';
  return { ...address, issuer: origin, notes: [...notes, note] };
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
async function discoverIssuer(origin: string): Promise<string | null> {
  const { fetchJson } = await import('../../outbound/fetch-json.js');
  try {
    const { issuer } = await fetchJson(
      `${origin}/.well-known/oauth-authorization-server`,
      DISCOVERY_TIMEOUT_MS,
    );
    return typeof issuer === 'string' && isOrigin(issuer) ? issuer : null;
  } catch {
    return null;
  }
}

/**
 * The audience of a token exchange (RFC 8693 section 2.1), as `POST /oauth2/token` reads it. Encoded, so that no user id puts
 * `projects/` into it: google-auth for Python and Node would ask Google for such a project.
 */
export function audienceOf({ issuer }: BrokerAddress, { userId, client, account }: TokenOwner): string {
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
