import { isUserId, USER_ID_RULE } from '../../../domain/access/user-rule.js';
import { ADWORDS, isScope, scopeSet } from '../../../domain/google/scopes.js';
import { EXIT, Failure } from '../../shared/failure.js';
import type { Format } from '../formats/formats.js';

const MAX_SECONDS = 3600;

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

interface Asked {
  readonly scopes: readonly string[];
  readonly loginHint: string | null;
  readonly port: number | null;
  readonly seconds: number;
  readonly withBrowser: boolean;
}

/** The refresh token is shown, with a configuration. */
export interface Shown extends Asked {
  readonly store: null;
  readonly clientFile: string;
  readonly format: Format;
  readonly loginCustomerId: string | null;
}

/** The grant goes into the broker. The client is named by one of the two, or is the only one that it serves. */
interface Kept extends Asked {
  readonly store: {
    readonly userId: string;
    readonly alias: string | null;
    readonly clientFile: string | null;
  };
}

export type Order = Shown | Kept;

/** @throws {Failure} for options that cannot be meant */
export function readOrder(given: GivenOptions): Order {
  const { additional_scopes: more = [] } = given;
  const unknown = more.filter((scope) => !isScope(scope));
  if (unknown.length > 0)
    throw wrongUsage(
      `--additional_scopes takes https URLs, openid, email or profile; not ${unknown.join(', ')}.`,
    );
  const asked = {
    scopes: scopeSet([ADWORDS, ...more]),
    loginHint: given.login_hint ?? null,
    port: given.port === undefined ? null : wholeNumber('--port', given.port, 65_535),
    seconds: wholeNumber('--timeout', given.timeout, MAX_SECONDS),
    withBrowser: given.browser,
  };
  return given.store ? { ...asked, store: readStore(given) } : { ...asked, ...readShown(given) };
}

function readShown(given: GivenOptions): Omit<Shown, keyof Asked> {
  const { user, client, client_secrets_path: clientFile } = given;
  if (user !== undefined || client !== undefined) throw wrongUsage('--user and --client go with --store.');
  if (clientFile === undefined) throw wrongUsage('--client_secrets_path is needed without --store.');
  const { format = 'python', login_customer_id: loginCustomerId = null } = given;
  return { store: null, clientFile, format, loginCustomerId };
}

function readStore(given: GivenOptions): Kept['store'] {
  const { user: userId, client: alias = null, client_secrets_path: clientFile = null } = given;
  if (userId === undefined) throw wrongUsage('--store needs --user.');
  if (!isUserId(userId)) throw wrongUsage(`--user ${USER_ID_RULE}`);
  if (given.format !== undefined || given.login_customer_id !== undefined)
    throw wrongUsage('--format and --login_customer_id go without --store: no configuration is shown then.');
  if (alias !== null && clientFile !== null)
    throw wrongUsage('--client and --client_secrets_path both name a client: keep one.');
  return { userId, alias, clientFile };
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
