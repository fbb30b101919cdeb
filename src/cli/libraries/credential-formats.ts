/**
 * The files by which Google's libraries, gcloud and rclone get their tokens from the broker. Owns which file suits whom, and
 * its content. Does not own what a library needs beside it (library-notes.ts), nor how a file is written (shared/files.ts).
 * The types are Google's: https://google.aip.dev/auth/4110 and 4117.
 */
import { wrongUsage } from '../shared/failure.js';
import { audienceOf, type TokenOwner } from './broker-address.js';
import { pathInPod } from './environment.js';
import { ACCESS_TOKEN_TYPE, JWT_TYPE } from '../../domain/google/oauth.js';
import type { CredentialSource, ExchangeSource, LibraryTokenSource } from './token-source.js';

/** What a file can be. */
export type FileKind = 'external_account' | 'external_account_authorized_user' | 'authorized_user' | 'rclone';

/** Whom a file is for: the kinds that it reads, the preferred one first, and the variable that names the file. */
const READERS = {
  external_account: { kinds: ['external_account'], variable: 'GOOGLE_APPLICATION_CREDENTIALS' },
  external_account_authorized_user: {
    kinds: ['external_account_authorized_user'],
    variable: 'GOOGLE_APPLICATION_CREDENTIALS',
  },
  authorized_user: { kinds: ['authorized_user'], variable: 'GOOGLE_APPLICATION_CREDENTIALS' },
  'google-ads-python': ads('external_account', 'external_account_authorized_user'),
  'google-ads-java': ads('external_account', 'external_account_authorized_user'),
  'google-ads-php': ads('external_account', 'external_account_authorized_user'),
  'google-ads-ruby': ads('external_account'),
  'google-ads-dotnet': ads('external_account', 'external_account_authorized_user'),
  // Of a file of another type it would ask Google who the user is.
  gcloud: { kinds: ['authorized_user'], variable: 'CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE' },
  rclone: { kinds: ['rclone'], variable: 'RCLONE_CONFIG' },
} as const satisfies Record<string, { kinds: readonly FileKind[]; variable: string }>;

function ads<const Kinds extends readonly FileKind[]>(...kinds: Kinds) {
  return { kinds, variable: 'GOOGLE_APPLICATION_CREDENTIALS' } as const;
}

export type Reader = keyof typeof READERS;

export const READER_NAMES = Object.keys(READERS) as Reader[];

/** What a program that reads the file at `path` has to find in its environment. */
export function variablesFor(reader: Reader, path: string, tokenUrl: string): Record<string, string> {
  const { variable } = READERS[reader];
  // gcloud ignores the token_uri of the file.
  return { [variable]: path, ...(reader === 'gcloud' ? { CLOUDSDK_AUTH_TOKEN_HOST: tokenUrl } : {}) };
}

export function fileNameFor(reader: Reader): string {
  return reader === 'rclone' ? 'rclone.conf' : 'google-credentials.json';
}

/**
 * The kind that suits both the reader and what there is to prove who asks.
 * @throws {Failure} where none does; it says what to do instead
 */
export function fileKindFor(reader: Reader, source: LibraryTokenSource, command: string): FileKind {
  const kinds: readonly FileKind[] = READERS[reader].kinds;
  const isCredential = source.kind === 'credential';
  const kind = kinds.find((each) => (each === 'external_account') !== isCredential);
  if (kind !== undefined) return kind;
  if (isCredential)
    throw wrongUsage(
      `${reader} takes --key-file, --jwt-file or --url-source. ${
        reader === 'google-ads-ruby'
          ? "Ruby's googleauth reads no file with a delegated credential; `token-broker sidecar` takes one."
          : 'For a delegated credential there is --for external_account_authorized_user.'
      }`,
      command,
    );
  throw wrongUsage(
    `${reader} takes a delegated credential: make one with \`token-broker credential create\`, and name its file with ` +
      `--credential-file.${reader === 'gcloud' ? ' Without one, use `token-broker sidecar --token-file`.' : ''}`,
    command,
  );
}

export interface FileContents {
  /** Audiences begin with it. */
  readonly issuer: string;
  readonly tokenUrl: string;
  readonly subject: TokenOwner | null;
  /** Of the kinds that have them. */
  readonly scopes: readonly string[];
  /** Whether the service key is where Kubernetes mounts it, and not where it is now. */
  readonly isForPod: boolean;
}

/** Its name and secret do not matter to the broker, but libraries refuse a file without them. */
const CLIENT = { client_id: 'token-broker', client_secret: 'not-used' };

/** @param subject given with every source but a delegated credential */
export function fileContent(kind: FileKind, source: LibraryTokenSource, contents: FileContents): string {
  if (source.kind !== 'credential') return json(externalAccount(source, contents));
  const { tokenUrl } = contents;
  const refreshToken = source.credential.reveal();
  switch (kind) {
    case 'authorized_user':
      return json({ type: kind, ...CLIENT, refresh_token: refreshToken, token_uri: tokenUrl });
    case 'rclone':
      return rcloneConfiguration(source, contents);
    default:
      return json({
        type: 'external_account_authorized_user',
        ...CLIENT,
        refresh_token: refreshToken,
        token_url: tokenUrl,
      });
  }
}

function externalAccount(
  source: ExchangeSource,
  { issuer, tokenUrl, subject, scopes, isForPod }: FileContents,
) {
  return {
    type: 'external_account',
    audience: subject === null ? issuer : audienceOf(issuer, subject),
    subject_token_type: source.kind === 'key' ? ACCESS_TOKEN_TYPE : JWT_TYPE,
    token_url: tokenUrl,
    credential_source: credentialSource(source, isForPod),
    ...(scopes.length === 0 ? {} : { scopes }),
  };
}

function credentialSource(source: ExchangeSource, isForPod: boolean) {
  if (source.kind !== 'url') {
    const file = isForPod && source.kind === 'key' ? pathInPod(source.file) : source.file;
    return { file, format: { type: 'text' } };
  }
  const { url, headers, field } = source;
  const format = field === null ? { type: 'text' } : { type: 'json', subject_token_field_name: field };
  const revealed = Object.entries(headers).map(([name, value]) => [name, value.reveal()]);
  return {
    url,
    ...(revealed.length === 0 ? {} : { headers: Object.fromEntries(revealed) as object }),
    format,
  };
}

/** rclone takes a token without an access token for one of an older form, and forgets the rest: so there is an expired one. */
function rcloneConfiguration({ credential }: CredentialSource, { tokenUrl, scopes }: FileContents): string {
  const token = {
    access_token: 'expired',
    token_type: 'Bearer',
    refresh_token: credential.reveal(),
    expiry: '2000-01-01T00:00:00Z',
  };
  const lines = [
    '[broker]',
    'type = drive',
    // Without the prefix, as rclone names them.
    ...(scopes.length === 0 ? [] : [`scope = ${scopes.map((each) => each.split('/').at(-1)).join(',')}`]),
    `client_id = ${CLIENT.client_id}`,
    `client_secret = ${CLIENT.client_secret}`,
    `token_url = ${tokenUrl}`,
    `token = ${JSON.stringify(token)}`,
  ];
  return `${lines.join('\n')}\n`;
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
