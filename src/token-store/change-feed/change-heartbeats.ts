import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { ClockReading } from '../../domain/ports/clock.js';
import { Database } from '../client/database.js';
import { SERVER } from './change-listener.js';
import type { ChangesFault } from './feed-freshness.js';

/** A statement that takes longer is stuck, and so is its connection. */
const TIMEOUT_MS = 3000;

/** Every trigger that must fire for a change to be published, and on which statements: pg_trigger.tgtype. */
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

/**
 * Writes the row whose trigger notifies, and checks on the same connection that all other triggers would fire too: an
 * ordinary one (`O`) does not in a session whose session_replication_role is replica, an ALWAYS trigger (`A`) does.
 */
const SEND = `
  WITH required AS (
    SELECT r.relation || '.' || r.trigger AS name, t.tgenabled AS enabled
    FROM unnest($3::text[], $4::text[], $5::int[]) AS r (relation, trigger, type)
    LEFT JOIN pg_trigger AS t ON t.tgrelid = to_regclass(r.relation) AND t.tgname = r.trigger AND t.tgtype = r.type
      AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
      AND EXISTS (SELECT FROM pg_proc WHERE oid = t.tgfoid AND prosrc LIKE '%pg_notify(''token_broker''%')),
  sent AS (
    INSERT INTO change_heartbeats (replica_id, heartbeat_id, sent_at) VALUES ($1, $2, clock_timestamp())
    ON CONFLICT (replica_id) DO UPDATE SET heartbeat_id = excluded.heartbeat_id, sent_at = excluded.sent_at
    RETURNING replica_id)
  SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS "databaseMs", ${SERVER} AS server,
    ARRAY(SELECT name FROM required WHERE enabled IS NULL) AS missing,
    ARRAY(SELECT name FROM required WHERE enabled = 'O') AS ordinary,
    current_setting('session_replication_role') AS role,
    EXISTS (SELECT FROM pg_db_role_setting, unnest(setconfig) AS setting
      WHERE setting = 'session_replication_role=replica'
        AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))) AS "isBypassed",
    set_config('synchronous_commit', 'off', true)
  FROM sent`;

/** The table is made by distributed/distribute.ts. */
const SEND_TO = `
  INSERT INTO distributed_heartbeats (place, replica_id, heartbeat_id, sent_at) VALUES ($1, $2, $3, now())
  ON CONFLICT (place, replica_id) DO UPDATE SET heartbeat_id = excluded.heartbeat_id, sent_at = excluded.sent_at
  RETURNING place`;

interface Row {
  readonly databaseMs: number;
  readonly server: string;
  readonly missing: readonly string[];
  readonly ordinary: readonly string[];
  readonly role: string;
  readonly isBypassed: boolean;
}

/** What is known of any heartbeat that was written. */
export interface SentHeartbeat {
  /** By performance.now(). */
  readonly sentAt: number;
  readonly fault: ChangesFault | null;
}

export interface HeartbeatReport extends ClockReading, SentHeartbeat {
  /** The server that it was written to: see SERVER. */
  readonly server: string;
}

/** Writes the heartbeats of this replica through the pool, as every change is: on other connections than LISTEN's. */
@Injectable()
export class ChangeHeartbeats {
  readonly #replicaId = randomUUID();

  constructor(private readonly database: Database) {}

  /** @throws what the database throws */
  async send(id: string): Promise<HeartbeatReport> {
    const columns = [0, 1, 2].map((column) => TRIGGERS.map((trigger) => trigger[column]));
    const { rows, sentAt, receivedAt } = await this.database.timed(
      SEND,
      [this.#replicaId, id, ...columns],
      TIMEOUT_MS,
    );
    const [row] = rows as readonly Row[];
    if (!row) throw new Error('A heartbeat was not written.');
    return { sentAt, receivedAt, databaseMs: row.databaseMs, server: row.server, fault: faultOf(row) };
  }

  /** At another server, through the pool as well. @param place a value whose rows are there */
  async sendTo(place: string, id: string): Promise<SentHeartbeat> {
    const { rows, sentAt } = await this.database.timed(SEND_TO, [place, this.#replicaId, id], TIMEOUT_MS);
    if (rows.length === 0) throw new Error('A heartbeat was not written.');
    return { sentAt, fault: null };
  }

  async pruneAt(place: string): Promise<void> {
    await this.database.timed(
      `DELETE FROM distributed_heartbeats WHERE place = $1 AND sent_at < now() - interval '10 minutes'`,
      [place],
      TIMEOUT_MS,
    );
  }

  /** Deletes rows of replicas that ended. */
  async prune(): Promise<void> {
    await this.database.timed(
      `DELETE FROM change_heartbeats WHERE sent_at < clock_timestamp() - interval '10 minutes'`,
      [],
      TIMEOUT_MS,
    );
  }
}

function faultOf({ missing, ordinary, role, isBypassed }: Row): ChangesFault | null {
  if (missing.length > 0) return { reason: 'triggers_missing', seen: { triggers: missing } };
  // Foreign keys do not hold in such a session either.
  if (role === 'replica') return { reason: 'triggers_bypassed', seen: { session_replication_role: role } };
  return isBypassed && ordinary.length > 0
    ? { reason: 'triggers_bypassed', seen: { triggers: ordinary } }
    : null;
}
