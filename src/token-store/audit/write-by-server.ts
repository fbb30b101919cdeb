/**
 * Writes audit rows of several users where the trail is distributed over several servers. All in one statement as a rule; where that
 * fails, those of each server in one of its own, so that a server that is away keeps only its users' rows waiting. Owns neither the
 * statement (audit-rows.ts), nor which rows PostgreSQL does not accept (write-in-halves.ts), nor when they are tried again (write-behind.ts).
 */
import type { Database } from '../client/database.js';
import { type AuditRow, writeAuditRows } from './audit-rows.js';
import { PartlyWritten, type Retry } from './write-behind.js';
import { writeInHalves } from './write-in-halves.js';

/** The coordinator knows: no other server is asked. */
const SERVERS = `
  SELECT asked AS user, min(groupid) AS server FROM unnest($1::text[]) AS asked
    JOIN pg_dist_placement ON shardid = get_shard_id_for_distribution_column('grants', asked)
  GROUP BY asked`;

/** A retry that is due leaves out a server that failed for this long, and as long again as it took to fail. */
const AWAY_MS = 500;

interface Rows {
  readonly places: number[];
  readonly rows: AuditRow[];
}

interface Away {
  /** By performance.now(), as the other one. */
  readonly failedAt: number;
  readonly until: number;
  readonly fault: unknown;
}

export class WriteByServer {
  /** Until a retry succeeds there: only retries try such a server, since what is written at others would wait with it. */
  readonly #away = new Map<number, Away>();

  constructor(private readonly database: Pick<Database, 'isDistributed' | 'unprepared'>) {}

  /** @throws {PartlyWritten} where rows of some servers were not written, of one or of all: those of others do not wait for them */
  async write(rows: readonly AuditRow[], retry: Retry | null = null): Promise<void> {
    if (this.#away.size === 0) {
      try {
        await this.#writeTogether(rows);
        return;
      } catch {
        // By server, then. What fails there says why.
      }
    }
    const servers = [...(await this.#byServer(rows))];
    const writing = servers.map(([server, its]) => this.#writeAt(server, its.rows, retry));
    const settled = await Promise.allSettled(writing);
    const failed = new Set<number>();
    let cause: unknown;
    for (const [index, [, { places }]] of servers.entries()) {
      const each = settled[index];
      if (each?.status !== 'rejected') continue;
      const fault: unknown = each.reason;
      const isPart = fault instanceof PartlyWritten;
      // Callers should retry where any server is away.
      if (!isPart || cause === undefined) cause = isPart ? fault.cause : fault;
      for (const [at, place] of places.entries()) if (!isPart || fault.failed.has(at)) failed.add(place);
    }
    if (failed.size > 0) throw new PartlyWritten(failed, cause);
  }

  async #writeTogether(rows: readonly AuditRow[]): Promise<void> {
    const { text, values } = writeAuditRows(this.database, rows);
    await this.database.unprepared(text, values);
  }

  async #writeAt(server: number, rows: readonly AuditRow[], retry: Retry | null): Promise<void> {
    const away = this.#away.get(server);
    if (away && isLeftOut(away, retry)) throw away.fault;
    const startedAt = performance.now();
    try {
      await writeInHalves(rows, (part) => this.#writeTogether(part));
      this.#away.delete(server);
    } catch (fault) {
      if (fault instanceof PartlyWritten) {
        this.#away.delete(server);
        throw fault;
      }
      const failedAt = performance.now();
      this.#away.set(server, { failedAt, until: failedAt + AWAY_MS + (failedAt - startedAt), fault });
      throw fault;
    }
  }

  /** @throws where the coordinator is away */
  async #byServer(rows: readonly AuditRow[]): Promise<ReadonlyMap<number, Rows>> {
    const users = [...new Set(rows.map(userOf))];
    const found = await this.database.unprepared<{ user: string; server: number }>(SERVERS, [users]);
    const serverOf = new Map(found.map(({ user, server }) => [user, server]));
    const servers = new Map<number, Rows>();
    for (const [place, row] of rows.entries()) {
      const server = serverOf.get(userOf(row)) ?? 0;
      const its = servers.get(server) ?? { places: [], rows: [] };
      its.places.push(place);
      its.rows.push(row);
      servers.set(server, its);
    }
    return servers;
  }
}

function isLeftOut({ failedAt, until }: Away, retry: Retry | null): boolean {
  if (!retry) return true;
  // Once in a retry, however many batches it has.
  return retry.isAsked ? failedAt >= retry.startedAt : performance.now() < until;
}

function userOf({ userId }: AuditRow): string {
  return userId ?? '';
}
