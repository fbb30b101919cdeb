import type { GoogleFailure } from '../../domain/google/google-failure.js';
import type { GoogleClient } from '../../domain/google/oauth.js';
import type { GoogleOAuthClient } from '../../google/oauth/google-oauth.client.js';
import { readClientSettings } from '../client/read-client-settings.js';
import { EXIT, Failure, faultyConfiguration } from '../shared/failure.js';

/**
 * Google for commands that need no broker: no database, no keys, no client but the one in hand.
 * @throws {Failure} where a wrong setting leaves open whom to ask
 */
export async function reachGoogle(env: NodeJS.ProcessEnv): Promise<{
  readonly google: GoogleOAuthClient;
  /** @throws {Failure} when Google cannot be reached or refuses the client; no user is bothered before that is known */
  readonly assertAccepted: (client: GoogleClient) => Promise<void>;
}> {
  const { google: settings } = await readClientSettings(env);
  if (settings === null)
    throw faultyConfiguration(['GOOGLE_STAND_IN_URL, GOOGLE_TIMEOUT_MS, HTTPS_PROXY or HTTP_PROXY is wrong']);
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
      new RefreshRequests(clock),
      new ShutdownSignal(),
    ),
    assertAccepted: async (client) => {
      const answer = await probeClient(client, settings);
      if (answer.verdict === 'no_answer') throw unreachable(answer.error);
      if (answer.verdict === 'refused') throw clientRefused(client, answer.error, settings.standInUrl);
    },
  };
}

/** What Google answered to a code or a refresh token, in words that say what to do. */
export function explainGoogleFailure(error: unknown, client: GoogleClient): unknown {
  // Known by name, not by class: importing the class would load its room at every start.
  if (!(error instanceof Error) || error.name !== 'GoogleFailure') return error;
  const failure = error as GoogleFailure;
  switch (failure.kind) {
    case 'unavailable':
      return unreachable(failure.error);
    case 'client_rejected':
      return clientRefused(client, failure.error);
    case 'grant_dead':
      return refused(
        'refresh_token_dead',
        'Google does not accept the refresh token: it was revoked, has expired or is of another client. ' +
          'Make a new one with `token-broker generate-user-credentials`.',
      );
    case 'policy_rejected':
      return refused(
        'policy_rejected',
        'The administrator of the Google Workspace does not allow this. Ask for the app to be trusted there.',
      );
    default:
      return refused(
        'google_refused',
        `Google did not accept the answer that it had given (${failure.error}). Run the command again.`,
      );
  }
}

function unreachable(error: string): Failure {
  const why =
    error === 'connection_lost'
      ? 'Google cannot be reached from here. Check the network and the proxy'
      : `Google gave no answer (${error})`;
  return new Failure(EXIT.unavailable, 'google_unavailable', `${why}, and try again.`);
}

function clientRefused({ clientId }: GoogleClient, error: string, standInUrl: string | null = null): Failure {
  if (standInUrl !== null) {
    return refused(
      'client_refused',
      `The stand-in for Google at ${standInUrl} refuses the client ${clientId} (${error}). For the real Google, leave ` +
        'GOOGLE_STAND_IN_URL unset; a trying mode that runs here lends it.',
    );
  }
  return refused(
    'client_refused',
    `Google refuses the client ${clientId} (${error}). Download its JSON again from the Google console (Clients); ` +
      'if it was deleted, make a new client.',
  );
}

function refused(code: string, message: string): Failure {
  return new Failure(EXIT.refused, code, message);
}
