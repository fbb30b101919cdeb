import type { SettingName } from '../../config/environment.js';
import type { GoogleClient } from '../../domain/google/oauth.js';
import { faultyConfiguration } from './failure.js';
import { readSomeSettings, TO_GOOGLE } from './some-settings.js';

/** What is known of the clients, even where other settings are missing or wrong. */
export interface ClientSettings {
  readonly clients: readonly GoogleClient[];
  /** Of GOOGLE_CLIENT_SECRETS and the files it names, as the broker reports them at its start. */
  readonly faults: readonly string[];
  /** Null where the setting is missing or wrong. */
  readonly publicUrl: string | null;
  /** Null where one of its settings is wrong: the client's secret could go to the wrong server. */
  readonly google: GoogleAccess | null;
  /** Null where the setting is wrong. */
  readonly googleAdsApiVersion: string | null;
}

export interface GoogleAccess {
  readonly standInUrl: string | null;
  readonly timeoutMs: number;
}

/** Reads the settings that concern clients, each validated on its own. */
export async function readClientSettings(env: NodeJS.ProcessEnv): Promise<ClientSettings> {
  const [{ environment, faultsOf }, { readGoogleClients }] = await Promise.all([
    readSomeSettings(env),
    import('../../config/google-clients.js'),
  ]);
  const isSound = (...names: readonly SettingName[]) => faultsOf(...names).length === 0;

  const named = isSound('GOOGLE_CLIENT_SECRETS');
  const { clients, faults } = named
    ? readGoogleClients(environment.GOOGLE_CLIENT_SECRETS)
    : { clients: [], faults: null };
  return {
    clients,
    faults: faults?.map((fault) => `GOOGLE_CLIENT_SECRETS: ${fault}`) ?? ['GOOGLE_CLIENT_SECRETS is not set'],
    publicUrl: isSound('PUBLIC_URL') ? environment.PUBLIC_URL : null,
    google: isSound(...TO_GOOGLE)
      ? { standInUrl: environment.GOOGLE_STAND_IN_URL, timeoutMs: environment.GOOGLE_TIMEOUT_MS }
      : null,
    googleAdsApiVersion: isSound('GOOGLE_ADS_API_VERSION') ? environment.GOOGLE_ADS_API_VERSION : null,
  };
}

/** @throws {Failure} where the settings do not say how to reach Google */
export function googleAccessOf({ google }: ClientSettings): GoogleAccess {
  if (google) return google;
  throw faultyConfiguration(['GOOGLE_STAND_IN_URL, GOOGLE_TIMEOUT_MS, HTTPS_PROXY or HTTP_PROXY is wrong']);
}
