/**
 * Which triggers must fire for a change to be published, and whether they would: where rows are at DATABASE_URL's server, and at each server
 * of a cluster. Owns no heartbeat (change-heartbeats.ts).
 */
import type { ChangeListener } from './change-listener.js';
import type { ChangesFault } from './feed-freshness.js';

/** On which statements each must fire: pg_trigger.tgtype. */
const TRIGGERS: readonly (readonly [table: string, trigger: string, type: number])[] = [
  ['change_heartbeats', 'change_heartbeat_sent', 1 + 4 + 16],
  ['grants', 'grant_came_or_went', 1 + 4 + 8],
  ['grants', 'grant_changed', 1 + 16],
  ['grants', 'grants_emptied', 32],
  ['access_tokens', 'access_tokens_emptied', 32],
  ['services', 'services_changed', 4 + 8 + 16 + 32],
  ['webhooks', 'webhooks_changed', 4 + 8 + 16 + 32],
  ['declared_settings', 'declared_settings_changed', 4 + 8 + 16 + 32],
  ['delegated_credentials', 'delegated_credential_changed', 1 + 16],
  ['delegated_credentials', 'delegated_credential_deleted', 1 + 8],
  ['delegated_credentials', 'delegated_credentials_emptied', 32],
];

export const TRIGGER_COLUMNS = ([0, 1, 2] as const).map((column) =>
  TRIGGERS.map((trigger) => trigger[column]),
);

/**
 * SQL: the triggers that are there. An ordinary one (`O`) does not fire in a session whose session_replication_role is replica, an
 * ALWAYS trigger (`A`) does.
 * @param wanted rows of a table, a trigger and its type
 */
export const required = (wanted: string) => `required AS (
    SELECT r.relation || '.' || r.trigger AS name, t.tgenabled AS enabled
    FROM ${wanted} AS r (relation, trigger, type)
    LEFT JOIN pg_trigger AS t ON t.tgrelid = to_regclass(r.relation) AND t.tgname = r.trigger AND t.tgtype = r.type
      AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
      AND EXISTS (SELECT FROM pg_proc WHERE oid = t.tgfoid AND prosrc LIKE '%pg_notify(''token_broker''%'))`;

/** SQL: the columns of `FoundTriggers`. */
export const FOUND_TRIGGERS = `ARRAY(SELECT name FROM required WHERE enabled IS NULL) AS missing,
    ARRAY(SELECT name FROM required WHERE enabled = 'O') AS ordinary,
    current_setting('session_replication_role') AS role,
    EXISTS (SELECT FROM pg_db_role_setting, unnest(setconfig) AS setting
      WHERE setting = 'session_replication_role=replica'
        AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))) AS "isBypassed"`;

export interface FoundTriggers {
  readonly missing: readonly string[];
  readonly ordinary: readonly string[];
  readonly role: string;
  readonly isBypassed: boolean;
}

export function faultOf({ missing, ordinary, role, isBypassed }: FoundTriggers): ChangesFault | null {
  if (missing.length > 0) return { reason: 'triggers_missing', seen: { triggers: missing } };
  // Foreign keys do not hold in such a session either.
  if (role === 'replica') return { reason: 'triggers_bypassed', seen: { session_replication_role: role } };
  return isBypassed && ordinary.length > 0
    ? { reason: 'triggers_bypassed', seen: { triggers: ordinary } }
    : null;
}

/** The parts of distributed tables that the server has, by its own tables: each has its own triggers. */
const OF_SHARDS = `
  WITH ${required(`(
      SELECT shard_name(logicalrelid, shardid), trigger || '_' || shardid, type
      FROM unnest($1::text[], $2::text[], $3::int[]) AS each (relation, trigger, type)
        JOIN pg_dist_shard ON logicalrelid = to_regclass(relation) JOIN pg_dist_placement USING (shardid)
      WHERE groupid = (SELECT groupid FROM pg_dist_local_group))`)}
  SELECT ${FOUND_TRIGGERS}`;

/** Longer than between two heartbeats: it reads some hundred rows of the catalogue. */
const CHECKED_MS = 2000;

/**
 * The triggers of the shards at one server. A heartbeat there shows that one shard's trigger fires, and each shard has its own: so they are
 * looked at over the connection that listens, every few seconds, and on a new connection at once.
 */
export class ShardTriggers {
  #by: ChangeListener | null = null;
  #dueAt = 0;
  #fault: ChangesFault | null = null;

  /** @throws what the database throws */
  async fault(listener: ChangeListener | null): Promise<ChangesFault | null> {
    if (listener && (listener !== this.#by || performance.now() >= this.#dueAt)) await this.#check(listener);
    return this.#fault;
  }

  async #check(listener: ChangeListener): Promise<void> {
    this.#by = listener;
    this.#dueAt = performance.now() + CHECKED_MS;
    try {
      const [found] = await listener.query<FoundTriggers>(OF_SHARDS, TRIGGER_COLUMNS);
      this.#fault = found ? faultOf(found) : null;
    } catch (error) {
      this.#dueAt = 0;
      throw error;
    }
  }
}
