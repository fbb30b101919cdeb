import { EXIT, Failure } from '../../shared/failure.js';
import type { Answer } from '../../shared/print.js';
import { consentRefused } from './authorization-response.js';
import type { Stored } from './store-grant.js';

/**
 * What `--store` answers.
 * @throws {Failure} where nothing was stored
 */
export function answerStored(userId: string, { client, outcome, notes }: Stored): Answer {
  const { alias } = client;
  const about = { user_id: userId, client: alias };
  switch (outcome.kind) {
    case 'granted': {
      const { grantId, account, scopes, missing } = outcome;
      const isWhole = missing.length === 0;
      return {
        text: [
          `The broker may now use ${account.email ?? account.sub} for the user ${userId} (client ${alias}), grant ${grantId}.`,
          ...(isWhole ? [] : ['Careful: these scopes were not allowed:', ...missing]),
          ...notes,
          `No token was shown. Services get access tokens at GET /tokens/${userId}.`,
        ].join('\n'),
        json: {
          ...about,
          grant_id: grantId,
          account: { sub: account.sub, email: account.email },
          scope: scopes.join(' '),
          missing_scopes: missing,
          notes,
        },
        ...(isWhole ? {} : { exitCode: EXIT.consentInPart }),
      };
    }
    case 'held':
      return {
        text: `The broker holds all of this for the user ${userId} (client ${alias}) already. Nothing had to change.`,
        json: { ...about, held: true },
      };
    case 'denied':
      throw consentRefused();
    case 'finishing':
      throw new Failure(
        EXIT.unavailable,
        'finishing',
        'Google gave its permission, and it is kept; which account it is cannot be verified yet. A running broker ' +
          `finishes this by itself: see GET /users/${userId}/grants.`,
      );
    case 'pending':
    case 'failed': {
      const [code, detail] =
        outcome.kind === 'failed'
          ? [outcome.code, outcome.detail]
          : ['pending', 'The consent waits for an app to confirm it.'];
      const exitCode = code === 'google_unavailable' ? EXIT.unavailable : EXIT.refused;
      throw new Failure(exitCode, code, `Nothing was stored (${code}). ${detail}`);
    }
  }
}
