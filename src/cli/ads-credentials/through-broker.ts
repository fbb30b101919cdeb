/**
 * The configuration of a Google Ads library that gets its tokens from the broker: no refresh token lies on a disk. Owns which
 * two files that takes. Does not own the file with the credentials (libraries/credential-formats.ts), nor the forms of the
 * libraries' own (configuration-formats.ts).
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ADWORDS } from '../../domain/google/scopes.js';
import type { Secret } from '../../domain/secret.js';
import { findBroker, issuerForFile } from '../libraries/broker-address.js';
import { fileContent, fileKindFor, type Reader } from '../libraries/credential-formats.js';
import { exportLines } from '../libraries/environment.js';
import { javaNotes } from '../libraries/library-notes.js';
import { readSource, readSubject, type SourceOptions, tokenUrlOf } from '../libraries/token-source.js';
import type { CommandResult } from '../shared/command-result.js';
import { EXIT, Failure, wrongUsage } from '../shared/failure.js';
import { writePrivateFile } from '../shared/files.js';
import {
  type AccountChoice,
  brokerConfiguration,
  curlConfiguration,
  fileNameOf,
  type ConfigurationFormat,
} from './configuration-formats.js';

const NAME = 'token-broker client-config';

/** As Commander parses them. */
export interface ClientConfigOptions extends SourceOptions {
  readonly format: ConfigurationFormat;
  readonly throughBroker?: boolean;
  readonly credentialsOutput?: string;
  readonly client_secrets_path?: string;
  readonly refresh_token_file?: string;
  readonly access_token_file?: string;
  readonly developer_token?: string;
  readonly developer_token_file?: string;
  readonly login_customer_id?: string;
  readonly linked_customer_id?: string;
  readonly output?: string;
  readonly force?: true;
}

/** As `credentials-file` calls them. Perl's library and curl read no such file: they get an access token. */
const READERS: Partial<Record<ConfigurationFormat, Reader>> = {
  python: 'google-ads-python',
  java: 'google-ads-java',
  php: 'google-ads-php',
  ruby: 'google-ads-ruby',
  csharp: 'google-ads-dotnet',
  'csharp-code': 'google-ads-dotnet',
};

export async function throughBroker(
  options: ClientConfigOptions,
  choice: AccountChoice,
): Promise<CommandResult> {
  const { format } = options;
  if (options.client_secrets_path !== undefined)
    throw wrongUsage('--client_secrets_path goes with --no-through-broker: the broker has the client.', NAME);
  const reader = READERS[format];
  return reader === undefined
    ? withAccessToken(options, choice)
    : withCredentialsFile(options, choice, reader);
}

async function withCredentialsFile(
  options: ClientConfigOptions,
  choice: AccountChoice,
  reader: Reader,
): Promise<CommandResult> {
  const { format, force = false } = options;
  const source = await readSource(options, NAME);
  const kind = fileKindFor(reader, source, NAME);
  const subject = readSubject(options, source, NAME);
  const broker = await findBroker(options.broker ?? null, process.env);
  const configuration = brokerConfiguration(format as Exclude<ConfigurationFormat, 'curl'>, choice, null);
  const address = { ...(await issuerForFile(broker)), tokenUrl: tokenUrlOf(broker.origin, source, subject) };
  const notes = [...address.notes, ...(format === 'java' ? javaNotes(address.tokenUrl) : [])];
  const { output, credentialsOutput } = options;
  const file = output === '-' ? null : resolve(output ?? fileNameOf(format));
  const credentials =
    file === null && credentialsOutput === undefined
      ? null
      : resolve(credentialsOutput ?? join(dirname(file ?? ''), 'google-credentials.json'));
  // Both or none.
  if (!force && file !== null && existsSync(file)) throw taken(file, '--output');
  if (credentials === null) {
    const all = [...notes, NO_CREDENTIALS];
    return {
      text: configuration.trimEnd(),
      notes: all,
      json: { format, content: configuration, notes: all },
    };
  }
  if (!force && existsSync(credentials)) throw taken(credentials, '--credentials-output');
  const content = fileContent(kind, source, { ...address, subject, scopes: [ADWORDS], isForPod: false });
  writePrivateFile(credentials, content, force);
  const variables = { GOOGLE_APPLICATION_CREDENTIALS: credentials };
  const exported = `  ${exportLines(variables).trimEnd()}`;
  if (file === null) {
    const found = ['Only you can read it. The library finds it by this variable:', exported];
    return {
      text: configuration.trimEnd(),
      notes: [`Wrote ${credentials}.`, ...notes, ...found],
      json: { format, content: configuration, credentials, variables, notes },
    };
  }
  writePrivateFile(file, configuration, force);
  return {
    text: [
      `Wrote ${file}, which holds no refresh token, and ${credentials}.`,
      ...notes,
      'Only you can read them. The library finds the second one by this variable:',
      exported,
    ].join('\n'),
    json: { format, file, credentials, variables, notes },
  };
}

const NO_CREDENTIALS =
  'No file with the credentials was written, which the library needs as well: name one with --credentials-output.';

async function withAccessToken(options: ClientConfigOptions, choice: AccountChoice): Promise<CommandResult> {
  const { format, force = false } = options;
  const token = await fetchToken(options);
  const content =
    format === 'curl'
      ? curlConfiguration(token.accessToken, choice)
      : brokerConfiguration(format, choice, token.accessToken);
  if (options.output === '-') return { text: content.trimEnd(), json: { format, content } };
  const file = resolve(options.output ?? fileNameOf(format));
  writePrivateFile(file, content, force);
  const minutes = Math.floor(token.expiresInSeconds / 60);
  return {
    text: `Wrote ${file}. It holds an access token for ${minutes} minutes: only you can read it. Run this command again before then, with --force.`,
    json: { format, file, expires_in: token.expiresInSeconds },
  };
}

async function fetchToken(
  options: ClientConfigOptions,
): Promise<{ readonly accessToken: Secret; readonly expiresInSeconds: number }> {
  const source = await readSource(options, NAME, ['--key-file', '--jwt-file', '--credential-file']);
  if (source.kind === 'url')
    throw wrongUsage(`--url-source is for a library that fetches it; ${options.format} does not.`, NAME);
  const subject = readSubject(options, source, NAME);
  const broker = await findBroker(options.broker ?? null, process.env);
  const { requestToken } = await import('../libraries/token-request.js');
  const outcome = await requestToken({ broker, source, subject }, subject === null ? [] : [ADWORDS]);
  if (outcome.kind === 'token') return outcome;
  if (outcome.kind === 'unavailable')
    throw new Failure(EXIT.unavailable, 'broker_unavailable', `${outcome.message} Nothing was written.`);
  throw new Failure(
    EXIT.refused,
    'token_refused',
    `${outcome.message} (${outcome.error}) Nothing was written.`,
  );
}

function taken(path: string, option: string): Failure {
  return new Failure(
    EXIT.refused,
    'file_exists',
    `${path} exists already and was not touched. Name another file with ${option}, or replace it with --force.`,
  );
}
