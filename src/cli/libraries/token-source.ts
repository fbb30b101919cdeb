/**
 * What proves to the broker who asks, as options of a command: a service key, a workload JWT, a URL that gives one, or a
 * delegated credential. Owns these options, how they are read, and the path at which each is sent. Does not own what is made of
 * them.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { splitCell } from '../../domain/cell.js';
import { Secret } from '../../domain/secret.js';
import { isScope } from '../../domain/google/scopes.js';
import { repeated } from '../shared/command-result.js';
import { type Failure, wrongUsage } from '../shared/failure.js';
import { readSecret } from '../shared/files.js';
import { assertUserId, type TokenOwner } from './broker-address.js';

/** As Commander parses them. */
export interface SourceOptions {
  readonly user?: string;
  readonly client?: string;
  readonly account?: string;
  readonly scope?: readonly string[];
  readonly keyFile?: string;
  readonly jwtFile?: string;
  readonly urlSource?: string;
  readonly urlHeader?: readonly string[];
  readonly urlField?: string;
  readonly credentialFile?: string;
  readonly broker?: string;
}

/** A library, or the sidecar, reads the file again before each token exchange. */
interface FileSource {
  readonly kind: 'key' | 'jwt';
  /** Absolute. */
  readonly file: string;
}

export interface UrlSource {
  readonly kind: 'url';
  readonly url: string;
  readonly headers: Readonly<Record<string, Secret>>;
  /** The member of a JSON response that holds the JWT; null where the response is the JWT. */
  readonly field: string | null;
}

/** A handle for one user. Whose and for what is stored with it, in the broker. */
export interface CredentialSource {
  readonly kind: 'credential';
  readonly credential: Secret;
}

export type ExchangeSource = FileSource | UrlSource;
export type LibraryTokenSource = ExchangeSource | CredentialSource;

/**
 * The token endpoint, at a path by which a router in front of cells knows the cell: it reads no form, and libraries send no header
 * (docs/cells.md). Without cells that of a user is the same endpoint, so that a file stays right when they are introduced.
 * @param subject given with every source but a delegated credential
 */
export function tokenUrlOf(origin: string, source: LibraryTokenSource, subject: TokenOwner | null): string {
  // A path with the user `.` or `..` is another one once a client resolves it.
  if (subject !== null && /^\.{1,2}$/.test(subject.userId)) return `${origin}/oauth2/token`;
  if (subject !== null) return `${origin}/users/${encodeURIComponent(subject.userId)}/oauth2/token`;
  const handle = source.kind === 'credential' ? source.credential.reveal() : '';
  // The cell that made it, where there are cells.
  const { cell } = splitCell(handle.startsWith('tbc_') ? handle.slice('tbc_'.length) : '');
  return `${origin}${cell === null ? '' : `/cells/${cell}`}/oauth2/token`;
}

/** Adds the options that say where the broker is, whose token it is, and what proves who asks. */
export function withSourceOptions(command: Command): Command {
  return command
    .option('--user <id>', 'whose tokens the broker gives')
    .option('--client <alias>', 'the Google client of the grant, where the user has several')
    .option('--account <account>', 'sub or email of the Google Account, where the user has several')
    .option('--key-file <file>', 'the file that holds the service key, read again for each token')
    .option('--jwt-file <file>', "the file that holds your platform's JWT, read again for each token")
    .option('--credential-file <file>', 'a file with a delegated credential, or - for standard input')
    .option('--broker <url>', 'where the broker is; TOKEN_BROKER_URL or PUBLIC_URL without this');
}

const ALL_SOURCES = ['--key-file', '--jwt-file', '--url-source', '--credential-file'];

/** For files that Google's libraries read: they can fetch the JWT themselves. */
export function withUrlOptions(command: Command): Command {
  return command
    .option('--url-source <url>', 'where the library fetches the JWT, such as GitHub Actions')
    .option('--url-header <header>', "'Name: value', or @FILE with such lines; repeat for several", repeated)
    .option('--url-field <name>', 'the member of a JSON response that holds the JWT');
}

/**
 * @param command its name, for a refusal
 * @param names the options of this command that name a source
 * @throws {Failure} when there is not exactly one source, or it cannot be read
 */
export async function readSource(
  options: SourceOptions,
  command: string,
  names: readonly string[] = ALL_SOURCES,
): Promise<LibraryTokenSource> {
  const { keyFile, jwtFile, urlSource, credentialFile, urlHeader = [], urlField = null } = options;
  const given = [keyFile, jwtFile, urlSource, credentialFile].filter((each) => each !== undefined);
  if (given.length !== 1) throw wrongUsage(`exactly one of ${names.join(', ')} is needed.`, command);
  if (urlSource === undefined && (urlHeader.length > 0 || urlField !== null))
    throw wrongUsage('--url-header and --url-field go with --url-source.', command);
  if (keyFile !== undefined) return { kind: 'key', file: resolve(keyFile) };
  if (jwtFile !== undefined) return { kind: 'jwt', file: resolve(jwtFile) };
  if (credentialFile !== undefined)
    return { kind: 'credential', credential: await readSecret(credentialFile, 'delegated credential') };
  const url = urlSource ?? '';
  if (!/^https?:\/\/\S+$/.test(url) || !URL.canParse(url))
    throw wrongUsage('--url-source must be an http or https URL.', command);
  return { kind: 'url', url, headers: await readHeaders(urlHeader, command), field: urlField };
}

async function readHeaders(given: readonly string[], command: string): Promise<Record<string, Secret>> {
  const lines: string[] = [];
  for (const each of given) {
    // Every user of the machine can see arguments: a header with a secret comes from a file, as with curl.
    if (!each.startsWith('@')) lines.push(each);
    else lines.push(...(await readLines(each.slice(1))));
  }
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^([!#$%&'*+.^`|~\w-]+):\s*(\S(?:.*\S)?)\s*$/.exec(line) ?? [];
      if (name === undefined || value === undefined)
        throw wrongUsage("--url-header takes 'Name: value', or @FILE with such lines.", command);
      return [name, new Secret(value)];
    }),
  );
}

async function readLines(file: string): Promise<string[]> {
  const text = (await readSecret(file, 'header')).reveal();
  return text.split(/\r?\n/).filter(Boolean);
}

/** @throws {Failure} where whose token it is is not said, or said twice */
export function readSubject(
  options: SourceOptions,
  source: LibraryTokenSource,
  command: string,
): TokenOwner | null {
  const { user, client = null, account = null } = options;
  if (user !== undefined) assertUserId(user, command);
  if (source.kind === 'credential') {
    if (client !== null || account !== null) throw inCredential('--client and --account', command);
    return null;
  }
  if (user === undefined) throw wrongUsage('--user is needed.', command);
  return { userId: user, client, account };
}

export function inCredential(options: string, command: string): Failure {
  return wrongUsage(`${options}: the delegated credential has its own. Leave them out.`, command);
}

/** @throws {Failure} for what is not a scope */
export function readScopes({ scope = [] }: SourceOptions, command: string): readonly string[] {
  const scopes = scope.flatMap((each) => each.split(/[\s,]+/)).filter(Boolean);
  const unknown = scopes.filter((each) => !isScope(each));
  if (unknown.length > 0)
    throw wrongUsage(
      `--scope takes https URLs, openid, email or profile; not ${unknown.join(', ')}.`,
      command,
    );
  return scopes;
}
