/**
 * Which tables are distributed over the servers of a Citus database, and by which column: read by `token-broker migrate
 * --distribute`, by the tests of keys and statements, and by docs/citus.md. Owns no SQL of the broker; all other tables stay
 * on the coordinator.
 */
export interface DistributedTable {
  readonly name: string;
  /** Of its rows, the columns of the primary key where it is distributed. */
  readonly key: readonly string[];
  /** Of its keys on one server, those without the user: what several servers could not keep, and become plain indexes. */
  readonly oneServerKeys: readonly OneServerKey[];
}

interface OneServerKey {
  readonly name: string;
  readonly columns: readonly string[];
  /** Whether one is left to find rows by, once it is not a key any more. */
  readonly isIndexKept: boolean;
}

/** The two statements of a refresh as functions, which run at the server of the user: distributed-functions.ts. */
export const TAKE_LEASE_FUNCTION = 'distributed_take_lease';
export const TAKE_LEASE_TYPES = 'text, uuid, integer, uuid, integer, integer';
export const SAVE_TOKEN_FUNCTION = 'distributed_save_token';
export const SAVE_TOKEN_TYPES =
  'text, uuid, integer, uuid, timestamptz, text, text, timestamptz, timestamptz, boolean';

/** SQL: whether the tables are distributed. Functions are the last thing that `migrate --distribute` makes, of whatever version. */
export const IS_DISTRIBUTED = `EXISTS (SELECT FROM pg_catalog.pg_proc
  WHERE pronamespace = to_regnamespace('public') AND proname IN ('${TAKE_LEASE_FUNCTION}', '${SAVE_TOKEN_FUNCTION}'))`;

/** A table that is there from the first step of `migrate --distribute` to its last one: paused-triggers.ts. */
export const UNFINISHED_DISTRIBUTION = 'distributed_unfinished';

/** SQL: whether distributing was begun and not ended, or what is distributed lacks the functions of this version. */
export const IS_PARTLY_DISTRIBUTED = `(to_regclass('public.${UNFINISHED_DISTRIBUTION}') IS NOT NULL OR (${IS_DISTRIBUTED} AND (
  to_regprocedure('public.${TAKE_LEASE_FUNCTION}(${TAKE_LEASE_TYPES})') IS NULL
  OR to_regprocedure('public.${SAVE_TOKEN_FUNCTION}(${SAVE_TOKEN_TYPES})') IS NULL)))`;

/** Rows of one user are on one server, of all these tables. */
export const DISTRIBUTION_COLUMN = 'user_id';

/** The first one decides where the rows of a user are. */
export const DISTRIBUTED_TABLES: readonly DistributedTable[] = [
  {
    name: 'grants',
    key: ['user_id', 'id'],
    oneServerKeys: [{ name: 'grants_id_key', columns: ['id'], isIndexKept: true }],
  },
  { name: 'access_tokens', key: ['user_id', 'grant_id', 'scope_set'], oneServerKeys: [] },
  { name: 'ads_trees', key: ['user_id', 'grant_id'], oneServerKeys: [] },
  {
    name: 'refresh_tokens',
    key: ['user_id', 'fingerprint'],
    oneServerKeys: [{ name: 'refresh_tokens_fingerprint_key', columns: ['fingerprint'], isIndexKept: true }],
  },
  { name: 'outbox_events', key: ['user_id', 'id'], oneServerKeys: [] },
  {
    name: 'audit_trail',
    key: ['user_id', 'at', 'id'],
    // An index over the whole trail is built again only where it is distributed.
    oneServerKeys: [
      { name: 'audit_trail_pkey', columns: ['at', 'id'], isIndexKept: false },
      // Of the partition that was the whole trail once.
      { name: 'audit_events_id', columns: ['id'], isIndexKept: false },
    ],
  },
];
