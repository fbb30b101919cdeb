import { type GoogleFailure, isTransient } from '../google/google-failure.js';
import { UNUSABLE_RESPONSE } from '../google/local-failures.js';
import { DEAD_REFRESH_TOKEN, explainFailure } from '../google/oauth-failures.js';
import { commonScopes, missingScopes, scopeSet, SIGN_IN_SCOPES } from '../google/scopes.js';
import type { Secret } from '../secret.js';
import type { Account, Grant } from './grant.js';

/*
 * What is imported, what becomes of it, and why it is refused: the one source for the reports of the command line, of
 * POST /grants/import, and docs/errors.md. Does not own the order of the checks (grants/import-grants.ts).
 */

/** A grant of another system. */
export interface ImportItem {
  readonly userId: string;
  /** An alias; undefined selects the default client. */
  readonly client: string | undefined;
  readonly refreshToken: Secret;
  /** Null: all that the token covers. */
  readonly scopes: readonly string[] | null;
  /** A `sub` or an email address. */
  readonly account: string | null;
}

export interface InvalidItem {
  readonly errors: Readonly<Record<string, string>>;
}

interface ImportRefusalRow {
  /** Whether the same line may be imported later: nothing was decided. */
  readonly isTransient?: boolean;
  /** Null for a failure of Google: its row in the tables of domain/google/ says what it means, and what to do. */
  readonly detail: string | null;
  /** Of a failure of Google: what to do in an import, in place of what its row says. */
  readonly remedy?: string;
}

export const IMPORT_REFUSALS = {
  invalid_item: { detail: 'It is not well formed; `errors` names each field.' },
  unknown_client: { detail: 'The broker serves no such client. Name an alias of GOOGLE_CLIENT_SECRETS.' },
  not_allowed: { detail: 'The policy of the service does not allow it.' },
  // Without asking Google, too: the ledger knows when a token ended.
  dead_token: { detail: `${DEAD_REFRESH_TOKEN.meaning} ${DEAD_REFRESH_TOKEN.remedy}` },
  wrong_client: { detail: null, remedy: 'Name the alias of that client.' },
  client_misconfigured: { detail: null },
  policy_rejected: { detail: null },
  scope_missing: { detail: 'The refresh token does not cover every scope that `scopes` names.' },
  account_unknown: {
    detail:
      "Google does not say which account the token belongs to: its scopes lack openid. Give the account's id (sub) as " +
      '`account`; an email address is enough only where the broker knows the account already.',
  },
  wrong_account: { detail: 'Google says that the token belongs to another account than `account`.' },
  other_token: {
    detail:
      'The user has an active grant of this account and client, with another token. It stays, unless you ask to replace it.',
  },
  token_in_use: { detail: 'Another grant refreshes with this very token. One token belongs to one user.' },
  being_revoked: {
    isTransient: true,
    detail: 'The access of this account is being revoked at Google. Import again when that is finished.',
  },
  google_unavailable: { isTransient: true, detail: null, remedy: 'Import again later.' },
  not_attempted: {
    isTransient: true,
    detail: 'Google was not asked, because it gave no usable answer to others. Import again later.',
  },
} as const satisfies Readonly<Record<string, ImportRefusalRow>>;

export type ImportRefusal = keyof typeof IMPORT_REFUSALS;

/** Those that say what they mean by themselves. */
type OwnRefusal = {
  [Cause in ImportRefusal]: (typeof IMPORT_REFUSALS)[Cause]['detail'] extends null ? never : Cause;
}[ImportRefusal];

export function isTransientRefusal(cause: ImportRefusal): boolean {
  const row: ImportRefusalRow = IMPORT_REFUSALS[cause];
  return row.isTransient ?? false;
}

interface RefusalFacts {
  /** In place of the one of the table. */
  readonly detail: string;
  readonly errors: Readonly<Record<string, string>>;
  readonly missingScopes: readonly string[];
  readonly googleError: string;
}

/** What becomes of an item. `postponed`: nothing was decided; the same item may be imported later. */
export const IMPORT_STATUSES = ['imported', 'replaced', 'unchanged', 'refused', 'postponed'] as const;

type ImportStatus = (typeof IMPORT_STATUSES)[number];

/** How many items each status has. */
export type ImportCounts = Record<ImportStatus, number>;

export function emptySummary(): ImportCounts {
  return { imported: 0, replaced: 0, unchanged: 0, refused: 0, postponed: 0 };
}

/** What became of one item. */
export interface ImportResult extends Partial<Pick<RefusalFacts, 'errors' | 'missingScopes'>> {
  readonly status: ImportStatus;
  readonly userId: string | null;
  readonly client: string | null;
  readonly cause: ImportRefusal | null;
  readonly detail: string | null;
  readonly grantId: string | null;
  readonly account: Account | null;
  readonly scopes: readonly string[] | null;
  /** Google gave another refresh token in place of this one, which is not stored. */
  readonly tokenReplaced?: true;
}

/** What that means, in a sentence. */
export const TOKEN_REPLACED =
  'Google gave another refresh token in place of this one, and nothing is stored: this one may not work any more.';

/** Of an item that led to no grant. */
export const NO_GRANT = { cause: null, detail: null, grantId: null, account: null, scopes: null };

export function importResultOf(
  status: Exclude<ImportStatus, 'refused' | 'postponed'>,
  grant: Grant,
): ImportResult {
  const { id: grantId, userId, client, account, grantedScopes: scopes } = grant;
  return { ...NO_GRANT, status, userId, client, grantId, account, scopes };
}

/** Nothing of the item is stored. */
export class ImportRefused extends Error {
  override readonly name = 'ImportRefused';

  constructor(reason: OwnRefusal, facts?: Partial<RefusalFacts>);
  constructor(reason: ImportRefusal, facts: Partial<RefusalFacts> & Pick<RefusalFacts, 'detail'>);
  constructor(
    readonly reason: ImportRefusal,
    readonly facts: Partial<RefusalFacts> = {},
  ) {
    super(reason);
  }

  get detail(): string {
    return this.facts.detail ?? IMPORT_REFUSALS[this.reason].detail ?? '';
  }
}

export function resultOfRefusal(
  { reason, facts, detail }: ImportRefused,
  item: Pick<ImportItem, 'userId' | 'client'> | null,
): ImportResult {
  const { errors, missingScopes: missing } = facts;
  return {
    ...NO_GRANT,
    status: isTransientRefusal(reason) ? 'postponed' : 'refused',
    userId: item?.userId ?? null,
    client: item?.client ?? null,
    cause: reason,
    detail,
    ...(errors ? { errors } : {}),
    ...(missing ? { missingScopes: missing } : {}),
  };
}

/** What a failure of Google says about a refresh token that is to be imported, with the text of its row. */
export function refusalByGoogle(failure: GoogleFailure): ImportRefused {
  const reason = reasonOf(failure);
  const row: ImportRefusalRow = IMPORT_REFUSALS[reason];
  // What is not a verdict on the token counts as an outage, whatever its row says of grants and connects.
  const isVerdict = reason !== 'google_unavailable' || isTransient(failure);
  const { meaning, remedy } = isVerdict ? explainFailure(failure, 'refresh') : UNUSABLE_RESPONSE;
  const detail = `${meaning} ${row.remedy ?? remedy}`;
  return new ImportRefused(reason, { googleError: failure.error, detail });
}

function reasonOf(failure: GoogleFailure): ImportRefusal {
  if (isTransient(failure)) return 'google_unavailable';
  switch (failure.kind) {
    case 'grant_dead':
      return 'dead_token';
    case 'policy_rejected':
      return 'policy_rejected';
    case 'client_rejected':
      return failure.error === 'unauthorized_client' ? 'wrong_client' : 'client_misconfigured';
    default:
      return 'google_unavailable';
  }
}

/**
 * What the grant covers: never more than Google says, and no more than was asked for.
 * @param wanted null: all of it
 * @throws {ImportRefused} `scope_missing`
 */
export function narrowedScopes(wanted: readonly string[] | null, answered: readonly string[]): string[] {
  if (wanted === null) return scopeSet(answered);
  const missing = missingScopes(wanted, answered);
  if (missing.length > 0) throw new ImportRefused('scope_missing', { missingScopes: missing });
  return commonScopes(answered, [...wanted, ...SIGN_IN_SCOPES]);
}
