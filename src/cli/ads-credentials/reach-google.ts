import type { GoogleClient } from '../../domain/google/oauth.js';
import { GoogleFailure } from '../../domain/google/google-failure.js';
import type { GoogleOAuthClient } from '../../google/oauth/google-oauth.client.js';
import { googleAccessOf, readClientSettings } from '../shared/client-settings.js';
import { EXIT, Failure } from '../shared/failure.js';

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

/** @returns the Failure, with the remedy, for what Google answered to a code or a refresh token; another error as it is */
export function explainGoogleFailure(error: unknown, client: GoogleClient): unknown {
  if (!(error instanceof GoogleFailure)) return error;
  switch (error.kind) {
    case 'unavailable':
      return unreachable(error.error);
    case 'client_rejected':
      return clientRefused(client, error.error);
    case 'grant_dead':
      return refused(
        'refresh_token_dead',
        'Google does not accept the refresh token: it was revoked, has expired or is of another client. ' +
          'Get a new one with `token-broker generate-user-credentials`.',
      );
    case 'policy_rejected':
      return refused(
        'policy_rejected',
        'The administrator of the Google Workspace does not allow this. Ask for the app to be trusted there.',
      );
    default:
      return refused(
        'google_refused',
        `Google did not accept the code that it had issued (${error.error}). Run the command again.`,
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
        'GOOGLE_STAND_IN_URL unset; the command takes it from a trying mode that runs here.',
    );
  }
  return refused(
    'client_refused',
    `Google refuses the client ${clientId} (${error}). Download its JSON again from the Google console (Clients); ` +
      'if it was deleted, create a new client.',
  );
}

function refused(code: string, message: string): Failure {
  return new Failure(EXIT.refused, code, message);
}
