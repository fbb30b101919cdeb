import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { CUSTOMER_ID, customerIdOf } from '../../domain/ads/account-tree.js';
import { ADWORDS } from '../../domain/google/scopes.js';
import { Secret } from '../../domain/secret.js';
import { isBrokerConfigured } from '../libraries/broker-address.js';
import { withSourceOptions, withUrlOptions } from '../libraries/token-source.js';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { type Failure, wrongUsage } from '../shared/failure.js';
import { readSecret, writePrivateFile } from '../shared/files.js';
import { wrapped } from '../shared/table.js';
import {
  type AccountChoice,
  curlConfiguration,
  fileNameOf,
  FORMATS,
  libraryConfiguration,
} from './configuration-formats.js';
import { explainGoogleFailure, reachGoogle } from './reach-google.js';
import { readClientFile } from './read-client-file.js';
import { type ClientConfigOptions, throughBroker } from './through-broker.js';

const EXAMPLES = `
Examples:
  token-broker client-config --format python --user alice \\
    --key-file reports.key --login_customer_id 123-456-7890
  token-broker client-config --format java --user alice \\
    --jwt-file /var/run/secrets/tokens/broker
  token-broker client-config --format php \\
    --no-through-broker -c client_secret.json --refresh_token_file token.txt
  your-secret-store get ads-token | token-broker client-config \\
    --format ruby -c client_secret.json --refresh_token_file -

Where a broker is configured (TOKEN_BROKER_URL or PUBLIC_URL), the library gets
its tokens from it and no refresh token is written: two files are, the library's
own and the one that GOOGLE_APPLICATION_CREDENTIALS has to name. Perl and curl
get an access token, which lives an hour at most. Where none is, or with
--no-through-broker, the library's file holds a refresh token.

Secrets come from files or from standard input (-), never from arguments: every
user of the machine can read those. A developer token is no longer a secret.
The files are created with mode 0600, under the name that the library looks for
if --output names none:
${wrapped(FORMATS.map(fileNameOf).join(', '), 80)}.

Further exit codes: 13 a file is missing, 14 the client's JSON is broken, 15 it
is of another kind.`;

export function clientConfig(): Command {
  const command = new Command('client-config')
    .description('Write the configuration of a client library for the Google Ads API')
    .addOption(new Option('--format <format>', 'whose configuration').choices(FORMATS).makeOptionMandatory())
    .option(
      '--through-broker',
      'the library gets its tokens from the broker; the default where one is configured',
    )
    .option('--no-through-broker', 'the file holds a refresh token');
  return withUrlOptions(withSourceOptions(command))
    .option(
      '--credentials-output <file>',
      'where to write the file that GOOGLE_APPLICATION_CREDENTIALS names',
    )
    .option('-c, --client_secrets_path <file>', "the client's JSON, from the Google console")
    .option('--refresh_token_file <file>', 'a file with the refresh token, or - for standard input')
    .option('--access_token_file <file>', 'for curl: a file with the access token, or -')
    .option(
      '--developer_token_file <file>',
      'a file with the developer token, where the library still needs one',
    )
    .option('--developer_token <token>', 'the same as an argument: Google ignores the token by now')
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

async function configure(options: ClientConfigOptions): Promise<CommandResult> {
  const { format, force = false } = options;
  assertOneInput(options);
  if (isThroughBroker(options)) return throughBroker(options, await choiceOf(options));
  const content = await contentFor(options);
  if (options.output === '-') return { text: content.trimEnd(), json: { format, content } };
  const path = resolve(options.output ?? fileNameOf(format));
  writePrivateFile(path, content, force);
  return {
    text: `Wrote ${path}. It holds secrets: only you can read it. Do not commit it to a repository.`,
    json: { format, file: path },
  };
}

/** @throws {Failure} where a refresh token would be written without being asked for in so many words */
function isThroughBroker(options: ClientConfigOptions): boolean {
  const { throughBroker: given, access_token_file, refresh_token_file } = options;
  // The access token that is given is used, wherever it came from.
  if (access_token_file !== undefined) return false;
  const { broker, keyFile, jwtFile, urlSource, credentialFile } = options;
  const isNamed = [broker, keyFile, jwtFile, urlSource, credentialFile].some((each) => each !== undefined);
  const isWanted = given ?? (isNamed || isBrokerConfigured(process.env));
  if (isWanted && refresh_token_file !== undefined) {
    throw usage(
      '--refresh_token_file goes with --no-through-broker. A broker is there, so that no refresh token needs to lie on a disk: ' +
        'leave it out, and name --user and --key-file or another proof.',
    );
  }
  return isWanted;
}

async function contentFor(options: ClientConfigOptions): Promise<string> {
  const { format, access_token_file, refresh_token_file, client_secrets_path } = options;
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

async function choiceOf(options: ClientConfigOptions): Promise<AccountChoice> {
  return {
    developerToken: await developerTokenOf(options),
    loginCustomerId: options.login_customer_id ?? null,
    linkedCustomerId: options.linked_customer_id ?? null,
  };
}

async function developerTokenOf(options: ClientConfigOptions): Promise<Secret | null> {
  const { developer_token: token, developer_token_file: file } = options;
  if (token !== undefined && file !== undefined)
    throw usage('--developer_token and --developer_token_file both name the developer token: keep one.');
  if (token !== undefined) return new Secret(token);
  return file === undefined ? null : readSecret(file, 'developer token');
}

/** Standard input can be read once. */
function assertOneInput(options: ClientConfigOptions): void {
  const { refresh_token_file, access_token_file, developer_token_file, credentialFile } = options;
  const headers = (options.urlHeader ?? []).map((each) => each.replace(/^@/, ''));
  const files = [refresh_token_file, access_token_file, developer_token_file, credentialFile, ...headers];
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
