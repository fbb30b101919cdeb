import type { GoogleClient } from '../../domain/google/oauth.js';
import { GoogleFailure } from '../../domain/google/google-failure.js';
import { explainFailure } from '../../domain/google/oauth-failures.js';
import { Meter } from '../../domain/metrics/meter.js';
import type { GoogleOAuthClient } from '../../google/oauth/google-oauth.client.js';
import { googleAccessOf, readClientSettings } from '../shared/client-settings.js';
import { EXIT, Failure } from '../shared/failure.js';

/** The clients of the trial mode, which Google does not know. */
const TRIAL_CLIENT = /^trial(-desktop)?\.apps\.googleusercontent\.com$/;

/**
 * Google for commands that need no broker: no database, no keys, no configured client.
 * @throws {Failure} where the settings do not say how to reach Google
 */
export async function reachGoogle(env: NodeJS.ProcessEnv): Promise<{
  readonly google: GoogleOAuthClient;
  /** Before the user is involved. @throws {Failure} when Google cannot be reached or refuses the client */
  readonly assertAccepted: (client: GoogleClient) => Promise<void>;
}> {
  const settings = googleAccessOf(await readClientSettings(env));
  const [{ GoogleOAuthClient }, { RefreshRequests }, { ShutdownSignal }, { SystemClock }, { probeClient }] =
    await Promise.all([
      import('../../google/oauth/google-oauth.client.js'),
      import('../../google/oauth/refresh-requests.js'),
      import('../../google/shutdown-signal.js'),
      import('../../operations/system-clock.js'),
      import('../../google/oauth/probe-client.js'),
    ]);
  const clock = new SystemClock();
  return {
    google: new GoogleOAuthClient(
      { googleStandInUrl: settings.standInUrl, googleTimeoutMs: settings.timeoutMs },
      clock,
      new RefreshRequests(clock, new Meter()),
      new ShutdownSignal(),
    ),
    assertAccepted: async (client) => {
      if (settings.standInUrl === null && TRIAL_CLIENT.test(client.clientId)) throw unknownToGoogle(client);
      const answer = await probeClient(client, settings);
      if (answer.verdict === 'no_answer') throw unreachable(answer);
      if (answer.verdict === 'accepted') return;
      if (settings.standInUrl === null) throw clientRefused(client, answer);
      throw refused(
        'client_refused',
        `The stand-in for Google at ${settings.standInUrl} refuses the client ${client.clientId} (${answer.error}). For the ` +
          'real Google, leave GOOGLE_STAND_IN_URL unset; the command takes it from a trial mode that runs here.',
      );
    },
  };
}

/**
 * @param during what Google was asked: to exchange a code, or to refresh a token
 * @returns the Failure, with the remedy, for a failure of Google; another error as it is
 */
export function explainGoogleFailure(
  error: unknown,
  client: GoogleClient,
  during: 'exchange' | 'refresh',
): unknown {
  if (!(error instanceof GoogleFailure)) return error;
  const explained = { ...explainFailure(error, during), error: error.error };
  switch (error.kind) {
    case 'unavailable':
      return unreachable(explained);
    case 'client_rejected':
      return clientRefused(client, explained);
    case 'grant_dead':
      return refused(
        'refresh_token_dead',
        `${explained.meaning} Get a new one with \`token-broker generate-user-credentials\`.`,
      );
    case 'policy_rejected':
      return refused('policy_rejected', `${explained.meaning} ${explained.remedy}`);
    default:
      return refused('google_refused', `${explained.meaning} (${explained.error}) Run the command again.`);
  }
}

interface Explained {
  readonly error: string;
  readonly meaning: string;
  readonly remedy: string;
}

function unreachable({ error, meaning, remedy }: Explained): Failure {
  return new Failure(EXIT.unavailable, 'google_unavailable', `${meaning} ${remedy} (${error})`);
}

function unknownToGoogle({ clientId }: GoogleClient): Failure {
  return refused(
    'client_refused',
    `${clientId} is a client of the trial mode. While that runs (npm start), name its stand-in for Google: ` +
      'GOOGLE_STAND_IN_URL=http://127.0.0.1:3001.',
  );
}

function clientRefused({ clientId }: GoogleClient, { error, meaning, remedy }: Explained): Failure {
  return refused('client_refused', `Google refuses the client ${clientId} (${error}). ${meaning} ${remedy}`);
}

function refused(code: string, message: string): Failure {
  return new Failure(EXIT.refused, code, message);
}
