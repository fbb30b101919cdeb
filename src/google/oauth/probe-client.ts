import { GoogleFailure } from '../../domain/google/google-failure.js';
import { explainFailure } from '../../domain/google/oauth-failures.js';
import type { GoogleClient } from '../../domain/google/oauth.js';
import { endpointsFor } from '../endpoints.js';
import { classifyFailure } from './classify-failure.js';
import { postForm } from './post-form.js';

/** Never a refresh token of Google's. */
const NEVER_ISSUED = 'token-broker-client-check';

export type ProbeVerdict =
  | { readonly verdict: 'accepted' }
  /** `refused`: the client's id or secret is; `no_answer`: Google was not reached, or did not decide. */
  | {
      readonly verdict: 'refused' | 'no_answer';
      readonly error: string;
      readonly description: string;
      readonly meaning: string;
      readonly remedy: string;
    };

/**
 * Asks Google whether it accepts a client's id and secret, without any user: by refreshing a token that does not
 * exist. Google looks at the client first (RFC 6749 section 5.2), so `invalid_grant` means that the client is fine.
 * @param standInUrl the stand-in for Google; null: Google itself
 */
export async function probeClient(
  client: GoogleClient,
  { standInUrl, timeoutMs }: { readonly standInUrl: string | null; readonly timeoutMs: number },
): Promise<ProbeVerdict> {
  const failure = await failureOfRefresh(client, endpointsFor(standInUrl).token, timeoutMs);
  const { kind, error, description } = failure;
  if (kind === 'grant_dead') return { verdict: 'accepted' };
  const { meaning, remedy } = explainFailure(failure, 'refresh');
  return {
    verdict: kind === 'client_rejected' ? 'refused' : 'no_answer',
    error,
    description,
    meaning,
    remedy,
  };
}

/** A refusal is what is wanted, so nothing is thrown. */
async function failureOfRefresh(
  client: GoogleClient,
  tokenUrl: string,
  timeoutMs: number,
): Promise<GoogleFailure> {
  const form = {
    grant_type: 'refresh_token',
    client_id: client.clientId,
    client_secret: client.clientSecret,
    refresh_token: NEVER_ISSUED,
  };
  try {
    return classifyFailure({ ...(await postForm(tokenUrl, form, timeoutMs)), during: 'refresh' });
  } catch (failure) {
    if (failure instanceof GoogleFailure) return failure;
    throw failure;
  }
}
