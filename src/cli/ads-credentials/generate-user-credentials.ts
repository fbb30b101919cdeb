import { Command, Option } from 'commander';
import type { GoogleClient } from '../../domain/google/oauth.js';
import { scopeSet } from '../../domain/google/scopes.js';
import { readClientFile } from '../client/read-client-file.js';
import { EXIT } from '../shared/failure.js';
import { type Answer, answers } from '../shared/print.js';
import { readCustomerId } from './client-config.js';
import { answerStored } from './consent/answer-stored.js';
import { type Consent, showAccessPath } from './consent/ask-consent.js';
import { chooseAddress } from './consent/loopback-address.js';
import { type GivenOptions, type Order, readOrder, type Shown } from './consent/read-request.js';
import {
  curlConfiguration,
  fileNameOf,
  type Format,
  FORMATS,
  libraryConfiguration,
} from './formats/formats.js';
import { reachGoogle } from './reach-google.js';

const EXAMPLES = `
Examples:
  token-broker generate-user-credentials --client_secrets_path client_secret.json
  token-broker generate-user-credentials -c client_secret.json --format php --login_customer_id 123-456-7890
  token-broker generate-user-credentials -c client_secret.json --no-browser --json | jq -r .refresh_token > token.txt
  token-broker generate-user-credentials --store --user alice --client ads

Needs no broker, except with --store. A Desktop app client comes back to any free port of this machine, a Web
application client to the first http address of this machine among its redirect URIs. With --store the grant goes into
the broker and no refresh token is shown; a Web application client then takes the way of the broker's own /connect.

Exit codes of this command:
  10  consent refused                     15  the client's JSON is of another kind
  11  wrong state: another's answer       16  a web client without a redirect URI on this machine
  12  the port is in use                  17  the browser did not come back in time
  13  the client's JSON is missing        18  granted in part: not all scopes were allowed
  14  the client's JSON is broken         69  no network: Google cannot be reached`;

export function generateUserCredentials(): Command {
  return new Command('generate-user-credentials')
    .description("Get a user's refresh token for the Google Ads API, or put the grant into the broker")
    .option('-c, --client_secrets_path <file>', "the client's JSON, from the Google console")
    .option('--additional_scopes <scope...>', 'scopes besides the one of the Google Ads API')
    .option('--login_hint <account>', 'the email address to suggest to the user')
    .option('--port <number>', 'where to listen on 127.0.0.1; any free port without this')
    .option('--timeout <seconds>', 'how long to wait for the browser', '300')
    .option('--no-browser', 'only show the URL')
    .addOption(new Option('--format <format>', 'the configuration to print').choices(FORMATS))
    .option(
      '--login_customer_id <id>',
      'a manager account, for that configuration',
      readCustomerId('--login_customer_id'),
    )
    .option('--store', 'put the grant into the broker and show no token')
    .option('--user <id>', 'with --store: whose grant it is')
    .option('--client <alias>', 'with --store: which client of the broker')
    .addHelpText('after', EXAMPLES)
    .action(async function (this: Command, options: GivenOptions) {
      const asJson = this.optsWithGlobals<{ json?: true }>().json ?? false;
      await answers(() => {
        const order = readOrder(options);
        const { seconds, withBrowser } = order;
        const show = (url: string) => {
          showAccessPath({ url, seconds, withBrowser, asJson });
        };
        return generate(order, { env: process.env, show });
      }).call(this);
    });
}

/** What a run lives in; a test brings its own. */
export interface BrokerOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Told where the user has to go. */
  readonly show: (url: string) => void;
}

/** @throws {Failure} and whatever explain-failure.ts explains */
export async function generate(order: Order, options: BrokerOptions): Promise<Answer> {
  if (order.store === null) {
    const client = await readClientFile(order.clientFile);
    return answer(client, await askGoogle(client, order, options), order);
  }
  const { storeGrant } = await import('./consent/store-grant.js');
  const { userId, alias, clientFile } = order.store;
  const byFile = clientFile === null ? null : await readClientFile(clientFile);
  const client = alias === null ? byFile && { clientId: byFile.clientId } : { alias };
  return answerStored(userId, await storeGrant({ ...order, userId, client }, options));
}

async function askGoogle(client: GoogleClient, order: Shown, { env, show }: BrokerOptions): Promise<Consent> {
  const { google, assertAccepted } = await reachGoogle(env);
  const [{ Loopback }, { ConsentTrip }] = await Promise.all([
    import('./consent/loopback.js'),
    import('./consent/ask-consent.js'),
  ]);
  const loopback = await Loopback.open(chooseAddress(client, order.port));
  try {
    await assertAccepted(client);
    const trip = new ConsentTrip(google, loopback, { client, ...order });
    show(trip.url);
    return await trip.finish(order.seconds);
  } finally {
    loopback.close();
  }
}

function answer(client: GoogleClient, consent: Consent, { format, loginCustomerId }: Shown): Answer {
  const { account, missing } = consent;
  const token = consent.refreshToken.reveal();
  const configuration = configurationFor(format, client, consent, loginCustomerId);
  const inPart =
    missing.length === 0
      ? []
      : [`Careful: these scopes were not allowed. Run the command again and tick them:`, ...missing, ''];
  return {
    text: [
      ...inPart,
      `The refresh token of ${account.email ?? account.sub} is:`,
      `\n  ${token}\n`,
      'It is not shown again. Whoever has it can act for this user: keep it like a password.',
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
    },
    ...(missing.length === 0 ? {} : { exitCode: EXIT.consentInPart }),
  };
}

function configurationFor(
  format: Format,
  { clientId, clientSecret }: GoogleClient,
  { accessToken, refreshToken }: Consent,
  loginCustomerId: string | null,
): string {
  const choice = { developerToken: null, loginCustomerId, linkedCustomerId: null };
  return format === 'curl'
    ? curlConfiguration(accessToken, choice)
    : libraryConfiguration(format, { ...choice, clientId, clientSecret, refreshToken });
}
