import { isUserId, USER_ID_RULE } from '../../domain/access/user-rule.js';
import { ADWORDS, isScope, scopeSet } from '../../domain/google/scopes.js';
import { Secret } from '../../domain/secret.js';
import { type Failure, wrongUsage } from '../shared/failure.js';
import type { AccountChoice, ConfigurationFormat } from './configuration-formats.js';
import { isAccountHint } from './consent/account-hint.js';

const MAX_SECONDS = 3600;

/** As Commander parses them. */
export interface GivenOptions {
  readonly client_secrets_path?: string;
  readonly additional_scopes?: readonly string[];
  readonly login_hint?: string;
  readonly port?: string;
  readonly timeout: string;
  readonly browser: boolean;
  readonly paste?: true;
  readonly format?: ConfigurationFormat;
  readonly login_customer_id?: string;
  readonly linked_customer_id?: string;
  readonly developer_token?: string;
  readonly store?: true;
  readonly user?: string;
  readonly client?: string;
}

interface CommonRequest {
  readonly scopes: readonly string[];
  readonly loginHint: string | null;
  readonly port: number | null;
  readonly seconds: number;
  readonly withBrowser: boolean;
  /** Whether an address is read from standard input even where that is not a terminal. */
  readonly readsAddress: boolean;
}

/** The refresh token is shown, with a configuration. */
export interface ShowTokenRequest extends CommonRequest {
  readonly store: null;
  readonly clientFile: string;
  readonly format: ConfigurationFormat;
  readonly choice: AccountChoice;
}

/** The grant is stored in the broker. One of the two names the client; with neither it is the only one or the default. */
interface StoreGrantRequest extends CommonRequest {
  readonly store: {
    readonly userId: string;
    readonly alias: string | null;
    readonly clientFile: string | null;
  };
}

export type CredentialsRequest = ShowTokenRequest | StoreGrantRequest;

/** @throws {Failure} for options that contradict each other or have a wrong value */
export function readRequest(given: GivenOptions): CredentialsRequest {
  const { additional_scopes: more = [] } = given;
  const unknown = more.filter((scope) => !isScope(scope));
  if (unknown.length > 0)
    throw usage(`--additional_scopes takes https URLs, openid, email or profile; not ${unknown.join(', ')}.`);
  const { login_hint: loginHint = null } = given;
  if (loginHint !== null && !isAccountHint(loginHint))
    throw usage("--login_hint takes an email address, or Google's id of the account: digits.");
  const common = {
    scopes: scopeSet([ADWORDS, ...more]),
    loginHint,
    port: given.port === undefined ? null : wholeNumber('--port', given.port, 65_535),
    seconds: wholeNumber('--timeout', given.timeout, MAX_SECONDS),
    withBrowser: given.browser,
    readsAddress: given.paste ?? false,
  };
  return given.store ? { ...common, store: readStore(given) } : { ...common, ...readShown(given) };
}

function readShown(given: GivenOptions): Omit<ShowTokenRequest, keyof CommonRequest> {
  const { user, client, client_secrets_path: clientFile } = given;
  if (user !== undefined || client !== undefined) throw usage('--user and --client go with --store.');
  if (clientFile === undefined) throw usage('--client_secrets_path is needed without --store.');
  const { format = 'python', login_customer_id, linked_customer_id, developer_token } = given;
  const choice = {
    developerToken: developer_token === undefined ? null : new Secret(developer_token),
    loginCustomerId: login_customer_id ?? null,
    linkedCustomerId: linked_customer_id ?? null,
  };
  return { store: null, clientFile, format, choice };
}

function readStore(given: GivenOptions): StoreGrantRequest['store'] {
  const { user: userId, client: alias = null, client_secrets_path: clientFile = null } = given;
  if (userId === undefined) throw usage('--store needs --user.');
  if (!isUserId(userId)) throw usage(`--user ${USER_ID_RULE}`);
  const { format, login_customer_id, linked_customer_id, developer_token } = given;
  if ([format, login_customer_id, linked_customer_id, developer_token].some((each) => each !== undefined)) {
    throw usage(
      '--format, --login_customer_id, --linked_customer_id and --developer_token go without --store, which shows no configuration.',
    );
  }
  if (alias !== null && clientFile !== null)
    throw usage('--client and --client_secrets_path both name a client: keep one.');
  return { userId, alias, clientFile };
}

function wholeNumber(option: string, text: string, highest: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= highest) return number;
  throw usage(`${option} takes a whole number from 1 to ${highest}.`);
}

function usage(what: string): Failure {
  return wrongUsage(what, 'token-broker generate-user-credentials');
}
