import { Command } from 'commander';
import { ConfigurationError } from '../../config/configuration-files.js';
import { UNSUPPORTED_VERSION } from '../../domain/ads/ads-failure.js';
import { type AdsApiVersion, adsApiVersion } from '../../domain/ads/api-versions.js';
import type { GoogleClient } from '../../domain/google/oauth.js';
import type { ProbeVerdict } from '../../google/oauth/probe-client.js';
import { type ClientSettings, readClientSettings } from '../shared/client-settings.js';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { EXIT, type ExitCode } from '../shared/failure.js';

const EXAMPLES = `
Examples:
  token-broker client check
  token-broker client check --offline
  token-broker client check --json |
    jq '.clients[] | {alias, google: .google.verdict}'

Checks each client of GOOGLE_CLIENT_SECRETS: that its file is valid, that its
redirect URIs follow Google's rules and include this broker's (PUBLIC_URL +
/callback), and that Google accepts its id and secret. Works while other
settings are still missing, and names those too. No user is involved and no
token is issued. Warns where Google ends GOOGLE_ADS_API_VERSION soon. The exit
code is the first that applies of 78 (a fault here), 3 (Google refuses), 69
(Google gave no answer), 0.`;

/** The column where the text of a line begins. */
const INDENT = ' '.repeat(16);

export function clientCheck(): Command {
  return new Command('check')
    .description('Check that the clients work, here and at Google')
    .option('--offline', 'do not send requests to Google')
    .addHelpText('after', EXAMPLES)
    .action(printResult(check));
}

async function check({ offline = false }: { offline?: boolean }): Promise<CommandResult> {
  const report = await checkClients(process.env, offline);
  const others = report.faults.map((fault) => `  - ${fault}`).join('\n');
  return {
    text: [
      ...report.clients.map(describeClient),
      ...describeAdsApi(report.adsApi),
      ...(report.faults.length > 0 ? [`Faults of the configuration:\n${others}`] : []),
    ].join('\n\n'),
    json: {
      clients: report.clients.map(({ client, redirectUri, google }) => ({
        alias: client.alias,
        client_id: client.clientId,
        project_id: client.projectId,
        kind: client.kind,
        redirect_uri: redirectUri,
        google,
      })),
      google_ads_api: report.adsApi,
      faults: report.faults,
    },
    exitCode: exitCodeOf(report),
  };
}

function exitCodeOf({ clients, faults }: ClientsReport): ExitCode {
  const verdicts = clients.map(({ google }) => google.verdict);
  if (faults.length > 0) return EXIT.faultyConfiguration;
  if (verdicts.includes('refused')) return EXIT.refused;
  return verdicts.includes('no_answer') ? EXIT.unavailable : EXIT.done;
}

function describeClient({ client, redirectUri, google }: CheckedClient): string {
  return [
    `${client.alias}: ${client.kind} client ${client.clientId} of project ${client.projectId}`,
    `  file          ok`,
    `  redirect URI  ${describeRedirectUri(redirectUri)}`,
    `  Google        ${describeVerdict(google)}`,
  ].join('\n');
}

function describeRedirectUri({ uri, state }: CheckedClient['redirectUri']): string {
  switch (state) {
    case 'listed':
      return `ok: ${uri ?? ''} is listed`;
    case 'loopback':
      return `ok: Google takes any loopback address, so also ${uri ?? ''}`;
    case 'unknown':
      return `not checked: the file lists none; compare ${uri ?? ''} with the Google console`;
    case 'not_usable':
      return 'FAULT: Google would not send browsers back to this broker; see below';
    case 'breaks_rules':
      return "FAULT: one breaks Google's rules; see below, and docs/redirect-uris.md";
    case 'not_checked':
      return 'not checked: PUBLIC_URL is missing or wrong; see below';
  }
}

function describeVerdict(google: CheckedClient['google']): string {
  switch (google.verdict) {
    case 'accepted':
      return 'ok: accepts id and secret';
    case 'refused':
      return (
        `REFUSES this client: ${google.error}${google.description ? `, "${google.description}"` : ''}\n` +
        `${INDENT}${google.meaning} ${google.remedy}`
      );
    case 'no_answer':
      return (
        `NO ANSWER (${google.error}): ${google.meaning} Whether it accepts the client is not known.\n` +
        `${INDENT}${google.remedy}`
      );
    case 'not_asked':
      return `not asked: ${google.why}`;
  }
}

/** Nothing where there is nothing to do. */
function describeAdsApi(adsApi: AdsApiVersion | null): string[] {
  if (adsApi === null) return [];
  const { meaning, remedy } = UNSUPPORTED_VERSION;
  switch (adsApi.state) {
    case 'ending':
      return [
        `WARNING: Google ends ${adsApi.version} of the Google Ads API on ${adsApi.sunset ?? ''}. ${remedy}`,
      ];
    case 'ended':
      return [`WARNING for ${adsApi.version}: ${meaning} ${remedy}`];
    case 'served':
    case 'unknown':
      return [];
  }
}

interface CheckedClient {
  readonly client: GoogleClient;
  readonly redirectUri: {
    readonly uri: string | null;
    /** `breaks_rules`: the broker's own address does, or any that the file lists. */
    readonly state: 'listed' | 'loopback' | 'unknown' | 'not_usable' | 'not_checked' | 'breaks_rules';
  };
  readonly google: ProbeVerdict | { readonly verdict: 'not_asked'; readonly why: string };
}

interface ClientsReport {
  /** Those whose file is valid; the others are among the faults. */
  readonly clients: readonly CheckedClient[];
  /** Null where the setting is wrong: that is among the faults. */
  readonly adsApi: AdsApiVersion | null;
  /** All faults of the configuration, as the broker reports them at its start. */
  readonly faults: readonly string[];
}

/** Checks every client as far as the configuration allows. Other faults are reported and stop nothing. */
async function checkClients(env: NodeJS.ProcessEnv, offline: boolean): Promise<ClientsReport> {
  const settings = await readClientSettings(env);
  const clients = await Promise.all(
    settings.clients.map(async (client) => ({
      client,
      redirectUri: await checkRedirectUri(client, settings.publicUrl),
      google: await askGoogle(client, settings.google, offline),
    })),
  );
  const version = settings.googleAdsApiVersion;
  const adsApi = version === null ? null : adsApiVersion(version, new Date());
  return { clients, adsApi, faults: await allFaults(env) };
}

async function checkRedirectUri(
  client: GoogleClient,
  publicUrl: string | null,
): Promise<CheckedClient['redirectUri']> {
  const rules = await import('../../config/redirect-uri-faults.js');
  const uri = publicUrl === null ? null : rules.callbackOf(publicUrl);
  const broken = [...rules.listedUriFaults(client), ...(publicUrl ? rules.ownCallbackFaults(publicUrl) : [])];
  if (broken.length > 0) return { uri, state: 'breaks_rules' };
  if (publicUrl === null || uri === null) return { uri, state: 'not_checked' };
  if (rules.redirectFaults(client, publicUrl).length > 0) return { uri, state: 'not_usable' };
  if (client.kind === 'installed') return { uri, state: 'loopback' };
  return { uri, state: client.redirectUris.includes(uri) ? 'listed' : 'unknown' };
}

async function askGoogle(
  client: GoogleClient,
  google: ClientSettings['google'],
  offline: boolean,
): Promise<CheckedClient['google']> {
  if (offline) return { verdict: 'not_asked', why: '--offline' };
  // With a wrong GOOGLE_STAND_IN_URL, the stand-in's secrets would go to the real Google.
  if (google === null)
    return { verdict: 'not_asked', why: 'the settings for reaching it are wrong; see below' };
  const { probeClient } = await import('../../google/oauth/probe-client.js');
  return probeClient(client, google);
}

async function allFaults(env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const { readConfiguration } = await import('../../config/read-configuration.js');
  try {
    readConfiguration(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.faults;
    throw error;
  }
}
