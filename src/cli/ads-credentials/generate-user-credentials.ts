import { Command, Option } from 'commander';
import type { GoogleClient } from '../../domain/google/oauth.js';
import { scopeSet } from '../../domain/google/scopes.js';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { EXIT } from '../shared/failure.js';
import { readCustomerId } from './client-config.js';
import {
  type AccountChoice,
  configurationPage,
  curlConfiguration,
  fileNameOf,
  type ConfigurationFormat,
  FORMATS,
  libraryConfiguration,
} from './configuration-formats.js';
import type { LoopbackConsent } from './consent/authorization-request.js';
import { chooseAddress } from './consent/loopback-address.js';
import { showConsentUrl, showNextUrl } from './consent/open-browser.js';
import { isForegroundTerminal, type Pasting, whilePasting } from './consent/pasted-address.js';
import { resultOfStore, storeGrant } from './consent/store-grant.js';
import { reachGoogle } from './reach-google.js';
import { readClientFile } from './read-client-file.js';
import {
  type CredentialsRequest,
  type GivenOptions,
  readRequest,
  type ShowTokenRequest,
} from './read-request.js';

const EXAMPLES = `
Examples:
  token-broker generate-user-credentials \\
    --client_secrets_path client_secret.json
  token-broker generate-user-credentials -c client_secret.json --format php \\
    --login_customer_id 123-456-7890
  token-broker generate-user-credentials -c client_secret.json --no-browser \\
    --json | jq -r .refresh_token > token.txt
  token-broker generate-user-credentials --store --user alice --client ads

Needs no broker, except with --store. Google redirects a Desktop app client to
any free port of this machine, a Web application client to the first http
address of this machine among its redirect URIs. With --store the grant is
stored in the broker and no refresh token is shown; a Web application client
then uses the broker's own /connect.

On a machine without a browser, open the URL on another one, and paste the
address at which that browser ends at the prompt. There is a prompt where
standard input is a terminal and this its foreground job, else with --paste.

Exit codes of this command:
  10  consent refused               15  the client's JSON is of another kind
  11  the state is wrong            16  a web client has no redirect URI here
  12  the port is in use            17  the browser did not come back in time
  13  the client's JSON is missing  18  granted in part: some scopes are missing
  14  the client's JSON is broken   19  another account than --login_hint says
                                    69  no network: Google cannot be reached`;

export function generateUserCredentials(): Command {
  return new Command('generate-user-credentials')
    .description("Get a user's refresh token for the Google Ads API, or store the grant in the broker")
    .option('-c, --client_secrets_path <file>', "the client's JSON, from the Google console")
    .option('--additional_scopes <scope...>', 'scopes besides the one of the Google Ads API')
    .option('--login_hint <account>', 'the email address that the user has to sign in with')
    .option('--port <number>', 'where to listen on 127.0.0.1; any free port without this')
    .option('--timeout <seconds>', 'how long to wait for the browser', '300')
    .option('--no-browser', 'only show the URL')
    .option('--paste', 'read the pasted address from any standard input')
    .addOption(new Option('--format <format>', 'the configuration to print').choices(FORMATS))
    .option(
      '--login_customer_id <id>',
      'a manager account, for that configuration',
      readCustomerId('--login_customer_id'),
    )
    .option(
      '--linked_customer_id <id>',
      'the account of a linked data provider, for that configuration',
      readCustomerId('--linked_customer_id'),
    )
    .option('--developer_token <token>', 'for releases of a library that still want one')
    .option('--store', 'store the grant in the broker and show no token')
    .option('--user <id>', 'with --store: whose grant it is')
    .option('--client <alias>', 'with --store: which client of the broker')
    .addHelpText('after', EXAMPLES)
    .action(async function (this: Command, options: GivenOptions) {
      const asJson = this.optsWithGlobals<{ json?: true }>().json ?? false;
      await printResult(() => {
        const request = readRequest(options);
        const { seconds, withBrowser } = request;
        const show = (url: string) => {
          showConsentUrl({ url, seconds, withBrowser, asJson });
        };
        return generate(request, { env: process.env, show, pasting: pastingOf(request, asJson) });
      }).call(this);
    });
}

function pastingOf({ seconds, readsAddress }: CredentialsRequest, asJson: boolean): Pasting | null {
  if (!readsAddress && !isForegroundTerminal()) return null;
  // With --json, standard error is read by a machine.
  const say = asJson ? () => undefined : (text: string) => void process.stderr.write(`${text}\n`);
  const showNext = (url: string) => {
    showNextUrl({ url, seconds, asJson });
  };
  return { input: process.stdin, say, showNext };
}

/** A test passes its own. */
export interface GenerateOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Called with the consent URL. */
  readonly show: (url: string) => void;
  /** Where an address can be pasted; null: nowhere. */
  readonly pasting: Pasting | null;
}

/** @throws {Failure} and other errors that toFailure knows */
export async function generate(
  request: CredentialsRequest,
  options: GenerateOptions,
): Promise<CommandResult> {
  if (request.store === null) {
    const client = await readClientFile(request.clientFile);
    return resultOf(client, await requestConsent(client, request, options), request);
  }
  const { userId, alias, clientFile } = request.store;
  const byFile = clientFile === null ? null : await readClientFile(clientFile);
  const client = alias === null ? byFile && { clientId: byFile.clientId } : { alias };
  return resultOfStore(userId, await storeGrant({ ...request, userId, client }, options));
}

async function requestConsent(
  client: GoogleClient,
  request: ShowTokenRequest,
  { env, show, pasting }: GenerateOptions,
): Promise<LoopbackConsent> {
  const { google, assertAccepted } = await reachGoogle(env);
  const [{ Loopback }, { LoopbackAuthorizationRequest }] = await Promise.all([
    import('./consent/loopback.js'),
    import('./consent/authorization-request.js'),
  ]);
  const loopback = await Loopback.open(chooseAddress(client, request.port));
  try {
    await assertAccepted(client);
    const authorization = new LoopbackAuthorizationRequest(google, loopback, { client, ...request });
    show(await authorization.url);
    return await whilePasting(loopback, pasting, () => authorization.finish(request.seconds));
  } finally {
    loopback.close();
  }
}

function resultOf(
  client: GoogleClient,
  consent: LoopbackConsent,
  { format, choice }: ShowTokenRequest,
): CommandResult {
  const { account, missing } = consent;
  const token = consent.refreshToken.reveal();
  const configuration = configurationFor(format, client, consent, choice);
  const inPart =
    missing.length === 0
      ? []
      : [`Careful: these scopes were not allowed. Run the command again and tick them:`, ...missing, ''];
  return {
    text: [
      ...inPart,
      `Your refresh token is: ${token}`,
      '',
      `It is that of ${account.email ?? account.sub}, and is not shown again.`,
      'Anyone who has it can act for this user: keep it like a password.',
      '',
      'Add your refresh token to your client library configuration as described here:',
      configurationPage(format),
      '',
      `With it, ${fileNameOf(format)} is (--format for another library):\n`,
      configuration.trimEnd(),
    ].join('\n'),
    json: {
      refresh_token: token,
      account: { sub: account.sub, email: account.email },
      scope: scopeSet(consent.scopes).join(' '),
      missing_scopes: missing,
      format,
      file: fileNameOf(format),
      configuration,
      configuration_page: configurationPage(format),
    },
    ...(missing.length === 0 ? {} : { exitCode: EXIT.consentInPart }),
  };
}

function configurationFor(
  format: ConfigurationFormat,
  { clientId, clientSecret }: GoogleClient,
  { accessToken, refreshToken }: LoopbackConsent,
  choice: AccountChoice,
): string {
  return format === 'curl'
    ? curlConfiguration(accessToken, choice)
    : libraryConfiguration(format, { ...choice, clientId, clientSecret, refreshToken });
}
