import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { ClockReading } from '../../domain/ports/clock.js';
import { Database } from '../client/database.js';
import { SERVER_RUN_SQL } from '../client/session.js';
import type { ChangesFault } from './feed-freshness.js';
import {
  FOUND_TRIGGERS,
  type FoundTriggers,
  faultOf,
  required,
  TRIGGER_COLUMNS,
} from './required-triggers.js';

/** A statement that takes longer is stuck, and so is its connection. */
const TIMEOUT_MS = 3000;

/** Writes the row whose trigger notifies, and checks on the same connection that all other triggers would fire too. */
const SEND = `
  WITH ${required('unnest($3::text[], $4::text[], $5::int[])')},
  sent AS (
    INSERT INTO change_heartbeats (replica_id, heartbeat_id, sent_at) VALUES ($1, $2, clock_timestamp())
    ON CONFLICT (replica_id) DO UPDATE SET heartbeat_id = excluded.heartbeat_id, sent_at = excluded.sent_at
    RETURNING replica_id)
  SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS "databaseMs", ${SERVER_RUN_SQL} AS server,
    ${FOUND_TRIGGERS}, set_config('synchronous_commit', 'off', true)
  FROM sent`;

/** The table is made by distributed/distribute.ts. */
const SEND_TO = `
  INSERT INTO distributed_heartbeats (place, replica_id, heartbeat_id, sent_at) VALUES ($1, $2, $3, now())
  ON CONFLICT (place, replica_id) DO UPDATE SET heartbeat_id = excluded.heartbeat_id, sent_at = excluded.sent_at
  RETURNING place`;

interface Row extends FoundTriggers {
  readonly databaseMs: number;
  readonly server: string;
}

/** What is known of any heartbeat that was written. */
export interface SentHeartbeat {
  /** By performance.now(). */
  readonly sentAt: number;
  readonly fault: ChangesFault | null;
}

export interface HeartbeatReport extends ClockReading, SentHeartbeat {
  /** The server that it was written to: see SERVER_RUN_SQL. */
  readonly server: string;
}

/** Writes the heartbeats of this replica through the pool, as every change is: on other connections than LISTEN's. */
@Injectable()
export class ChangeHeartbeats {
  readonly #replicaId = randomUUID();

  constructor(private readonly database: Database) {}

  /** @throws what the database throws */
  async send(id: string): Promise<HeartbeatReport> {
    const { rows, sentAt, receivedAt } = await this.database.timed(
      SEND,
      [this.#replicaId, id, ...TRIGGER_COLUMNS],
      TIMEOUT_MS,
    );
    const [row] = rows as readonly Row[];
    if (!row) throw new Error('A heartbeat was not written.');
    return { sentAt, receivedAt, databaseMs: row.databaseMs, server: row.server, fault: faultOf(row) };
  }

  /** At another server, through the pool as well. @param place a value whose rows are there */
  async sendTo(place: string, id: string): Promise<Pick<SentHeartbeat, 'sentAt'>> {
    const { rows, sentAt } = await this.database.timed(SEND_TO, [place, this.#replicaId, id], TIMEOUT_MS);
    if (rows.length === 0) throw new Error('A heartbeat was not written.');
    return { sentAt };
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
