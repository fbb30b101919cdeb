import type { ConfigurationError } from '../../config/configuration-error.js';
import type { GoogleClient } from '../../domain/google/oauth.js';
import type { ProbeVerdict } from '../../google/oauth/probe-client.js';
import { type ClientSettings, readClientSettings } from './read-client-settings.js';

export interface CheckedClient {
  readonly client: GoogleClient;
  readonly redirectUri: {
    readonly uri: string | null;
    /** `breaks_rules`: our own address does, or any that the file lists. */
    readonly state: 'listed' | 'loopback' | 'unknown' | 'not_usable' | 'not_checked' | 'breaks_rules';
  };
  readonly google: ProbeVerdict | { readonly verdict: 'not_asked'; readonly why: string };
}

export interface ClientsReport {
  /** Those whose file is sound; a file that is not is among the faults. */
  readonly clients: readonly CheckedClient[];
  /** All that is wrong with the configuration, as the broker would say it at its start. */
  readonly faults: readonly string[];
}

/** Looks at every client as far as the configuration allows. Faults elsewhere are named and stop nothing. */
export async function checkClients(env: NodeJS.ProcessEnv, offline: boolean): Promise<ClientsReport> {
  const settings = await readClientSettings(env);
  const clients = await Promise.all(
    settings.clients.map(async (client) => ({
      client,
      redirectUri: await checkRedirectUri(client, settings.publicUrl),
      google: await askGoogle(client, settings.google, offline),
    })),
  );
  return { clients, faults: await allFaults(env) };
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
  if (rules.returnFaults(client, publicUrl).length > 0) return { uri, state: 'not_usable' };
  if (client.kind === 'installed') return { uri, state: 'loopback' };
  return { uri, state: client.redirectUris.includes(uri) ? 'listed' : 'unknown' };
}

async function askGoogle(
  client: GoogleClient,
  google: ClientSettings['google'],
  offline: boolean,
): Promise<CheckedClient['google']> {
  if (offline) return { verdict: 'not_asked', why: 'as --offline wishes' };
  // A wrong address of the stand-in must not make us show its secrets to the real Google.
  if (google === null)
    return { verdict: 'not_asked', why: 'the settings of how to reach it are wrong; see below' };
  const { probeClient } = await import('../../google/oauth/probe-client.js');
  return probeClient(client, google);
}

async function allFaults(env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const { readConfiguration } = await import('../../config/read-configuration.js');
  try {
    readConfiguration(env);
    return [];
  } catch (error) {
    if (error instanceof Error && error.name === 'ConfigurationError')
      return (error as ConfigurationError).faults;
    throw error;
  }
}
