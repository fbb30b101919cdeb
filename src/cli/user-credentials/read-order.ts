import { isScope, scopeSet } from '../../domain/scopes.js';
import { isUserId, USER_ID_RULE } from '../../domain/user-id.js';
import type { Format } from '../client-config/formats.js';
import { EXIT, Failure } from '../failure.js';

const ADS_SCOPE = 'https://www.googleapis.com/auth/adwords';
const LONGEST_SECONDS = 3600;

/** As the command line gives them. */
export interface GivenOptions {
  readonly client_secrets_path?: string;
  readonly additional_scopes?: readonly string[];
  readonly login_hint?: string;
  readonly port?: string;
  readonly timeout: string;
  readonly browser: boolean;
  readonly format?: Format;
  readonly login_customer_id?: string;
  readonly store?: true;
  readonly user?: string;
  readonly client?: string;
}

export interface Order {
  /** Never null where nothing is stored. */
  readonly clientFile: string | null;
  readonly scopes: readonly string[];
  readonly loginHint: string | null;
  readonly port: number | null;
  readonly seconds: number;
  readonly withBrowser: boolean;
  readonly format: Format;
  readonly loginCustomerId: string | null;
  /** Null: the refresh token is shown. */
  readonly store: { readonly userId: string; readonly alias: string | null } | null;
}

/** @throws {Failure} for options that cannot be meant */
export function readOrder(given: GivenOptions): Order {
  const { additional_scopes: more = [] } = given;
  const unknown = more.filter((scope) => !isScope(scope));
  if (unknown.length > 0)
    throw wrongUsage(
      `--additional_scopes takes https URLs, openid, email or profile; not ${unknown.join(', ')}.`,
    );
  return {
    clientFile: given.client_secrets_path ?? null,
    scopes: scopeSet([ADS_SCOPE, ...more]),
    loginHint: given.login_hint ?? null,
    port: given.port === undefined ? null : wholeNumber('--port', given.port, 65_535),
    seconds: wholeNumber('--timeout', given.timeout, LONGEST_SECONDS),
    withBrowser: given.browser,
    format: given.format ?? 'python',
    loginCustomerId: given.login_customer_id ?? null,
    store: readStore(given),
  };
}

function readStore(given: GivenOptions): Order['store'] {
  const { store, user, client, client_secrets_path, format, login_customer_id } = given;
  if (!store) {
    if (user !== undefined || client !== undefined) throw wrongUsage('--user and --client go with --store.');
    if (client_secrets_path === undefined)
      throw wrongUsage('--client_secrets_path is needed without --store.');
    return null;
  }
  if (user === undefined) throw wrongUsage('--store needs --user.');
  if (!isUserId(user)) throw wrongUsage(`--user ${USER_ID_RULE}`);
  if (format !== undefined || login_customer_id !== undefined)
    throw wrongUsage('--format and --login_customer_id go without --store: no configuration is shown then.');
  if (client !== undefined && client_secrets_path !== undefined)
    throw wrongUsage('--client and --client_secrets_path both name a client: keep one.');
  return { userId: user, alias: client ?? null };
}

function wholeNumber(option: string, text: string, highest: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= highest) return number;
  throw wrongUsage(`${option} takes a whole number from 1 to ${highest}.`);
}

function wrongUsage(what: string): Failure {
  return new Failure(
    EXIT.wrongUsage,
    'wrong_usage',
    `Wrong usage: ${what}\nSee \`token-broker generate-user-credentials --help\`.`,
  );
}
