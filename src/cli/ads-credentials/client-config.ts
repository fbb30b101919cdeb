import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { CUSTOMER_ID, customerIdOf } from '../../domain/ads/account-tree.js';
import { ADWORDS } from '../../domain/google/scopes.js';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { type Failure, wrongUsage } from '../shared/failure.js';
import { readSecret, writePrivateFile } from '../shared/files.js';
import {
  type AccountChoice,
  curlConfiguration,
  fileNameOf,
  type Format,
  FORMATS,
  libraryConfiguration,
} from './configuration-formats.js';
import { explainGoogleFailure, reachGoogle } from './reach-google.js';
import { readClientFile } from './read-client-file.js';

const EXAMPLES = `
Examples:
  token-broker client-config --format python -c client_secret.json --refresh_token_file token.txt \\
    --login_customer_id 123-456-7890 --output ~/google-ads.yaml
  your-secret-store get ads-token | token-broker client-config --format java -c client_secret.json --refresh_token_file -
  curl -s -H "Authorization: Bearer $KEY" "$BROKER/tokens/alice" | jq -r .access_token |
    token-broker client-config --format curl --access_token_file - --output headers.txt && curl -H @headers.txt ...

Secrets come from files or from standard input (-), never from arguments: every user of the machine can read those. The
file is created with mode 0600, under the name that the library looks for if --output names none: ${FORMATS.map(fileNameOf).join(', ')}.
curl gets an access token, which lives an hour at most: the one of --access_token_file, or one that Google gives for the
refresh token. No broker is needed. Further exit codes: 13 a file is missing, 14 the client's JSON is broken, 15 it is
of another kind.`;

interface Options {
  readonly format: Format;
  readonly client_secrets_path?: string;
  readonly refresh_token_file?: string;
  readonly access_token_file?: string;
  readonly developer_token_file?: string;
  readonly login_customer_id?: string;
  readonly linked_customer_id?: string;
  readonly output?: string;
  readonly force?: true;
}

export function clientConfig(): Command {
  return new Command('client-config')
    .description('Write the configuration of a client library for the Google Ads API')
    .addOption(new Option('--format <format>', 'whose configuration').choices(FORMATS).makeOptionMandatory())
    .option('-c, --client_secrets_path <file>', "the client's JSON, from the Google console")
    .option('--refresh_token_file <file>', 'a file with the refresh token, or - for standard input')
    .option('--access_token_file <file>', 'for curl: a file with the access token, or -')
    .option(
      '--developer_token_file <file>',
      'a file with the developer token, where the library still needs one',
    )
    .option(
      '--login_customer_id <id>',
      'the manager account through which calls are made',
      readCustomerId('--login_customer_id'),
    )
    .option(
      '--linked_customer_id <id>',
      'the account of a linked data provider',
      readCustomerId('--linked_customer_id'),
    )
    .option('--output <file>', 'where to write it; - prints it instead')
    .option('--force', 'replace an existing file')
    .addHelpText('after', EXAMPLES)
    .action(printResult(configure));
}

async function configure(options: Options): Promise<CommandResult> {
  const { format, force = false } = options;
  const content = await contentFor(options);
  if (options.output === '-') return { text: content.trimEnd(), json: { format, content } };
  const path = resolve(options.output ?? fileNameOf(format));
  writePrivateFile(path, content, force);
  return {
    text: `Wrote ${path}. It holds secrets: only you can read it. Do not commit it to a repository.`,
    json: { format, file: path },
  };
}

async function contentFor(options: Options): Promise<string> {
  const { format, access_token_file, refresh_token_file, client_secrets_path } = options;
  assertOneInput(options);
  if (access_token_file !== undefined) {
    if (format !== 'curl')
      throw usage(`--access_token_file is for --format curl; ${format} needs a refresh token.`);
    return curlConfiguration(await readSecret(access_token_file, 'access token'), await choiceOf(options));
  }
  if (client_secrets_path === undefined) throw usage('--client_secrets_path is needed.');
  if (refresh_token_file === undefined) throw usage('--refresh_token_file is needed.');
  const client = await readClientFile(client_secrets_path);
  const refreshToken = await readSecret(refresh_token_file, 'refresh token');
  const choice = await choiceOf(options);
  if (format !== 'curl') {
    const { clientId, clientSecret } = client;
    return libraryConfiguration(format, { ...choice, clientId, clientSecret, refreshToken });
  }
  const { google } = await reachGoogle(process.env);
  const { accessToken } = await google
    .refresh(client, refreshToken, [ADWORDS], null)
    .catch((error: unknown) => {
      throw explainGoogleFailure(error, client, 'refresh');
    });
  return curlConfiguration(accessToken, choice);
}

async function choiceOf(options: Options): Promise<AccountChoice> {
  const { developer_token_file: file } = options;
  return {
    developerToken: file === undefined ? null : await readSecret(file, 'developer token'),
    loginCustomerId: options.login_customer_id ?? null,
    linkedCustomerId: options.linked_customer_id ?? null,
  };
}

/** Standard input can be read once. */
function assertOneInput(options: Options): void {
  const files = [options.refresh_token_file, options.access_token_file, options.developer_token_file];
  if (files.filter((file) => file === '-').length > 1)
    throw usage('only one secret can come from standard input.');
}

function usage(what: string): Failure {
  return wrongUsage(what, 'token-broker client-config');
}

/**
 * @param option its name, for the refusal
 * @returns a parser of Google Ads customer ids, written 123-456-7890 or 1234567890, that returns the ten digits
 */
export function readCustomerId(option: string): (value: string) => string {
  return (value) => {
    const digits = CUSTOMER_ID.test(value) ? customerIdOf(value) : null;
    if (digits?.length === 10) return digits;
    throw wrongUsage(`${option} takes a customer id of ten digits, such as 123-456-7890 or 1234567890.`);
  };
}
