/**
 * What becomes of a grant that is ended, and why Google is not asked for it: the one source for the API, the command line
 * and the console. Does not own how a grant is ended (grants/end-grants.ts), nor what the users' own page says, in their
 * languages (pages/messages/).
 */

interface OutcomeRow {
  /** After "the grant was", and in a plan. */
  readonly meaning: string;
  /** In the tables of the command line, which have 80 columns: before it is done, and after. */
  readonly plan: string;
  readonly done: string;
}

/** `revoking`: begun; what is so meanwhile, the row of an unconfirmed revocation says (google/oauth-failures.ts). */
export const ENDED_GRANT_OUTCOMES = {
  revoked: {
    meaning: 'revoked at Google, and deleted here',
    plan: 'will be revoked',
    done: 'revoked',
  },
  revoking: {
    meaning: 'not revoked at Google yet',
    plan: 'is being revoked',
    done: 'retrying at Google',
  },
  deleted: {
    meaning: 'deleted here only',
    plan: 'will be deleted here',
    done: 'deleted here',
  },
  kept: {
    meaning: 'not changed',
    plan: 'stays',
    done: 'not changed',
  },
} as const satisfies Readonly<Record<string, OutcomeRow>>;

export type EndedGrantOutcome = keyof typeof ENDED_GRANT_OUTCOMES;

/** Why Google is not asked, though it should be. */
export const NOT_ASKED_REASONS = {
  dead: 'it gives no tokens any more',
  service_account: 'its key stays valid at Google until it is deleted in the Google console',
  client_unknown:
    'its client is not in GOOGLE_CLIENT_SECRETS, so which others Google would end with it is not known',
  integrity_failed: 'it was changed outside the broker, so its refresh token does not open; the log says why',
} as const;

export type NotAskedReason = keyof typeof NOT_ASKED_REASONS;
