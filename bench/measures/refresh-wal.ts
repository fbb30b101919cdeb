/** The write-ahead log that a refresh costs PostgreSQL, right after a checkpoint and long after it. */
import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { generateKeyRing, keyRingOf } from '../../src/sealing/key-ring.js';
import { askAll, pause, withFleet } from '../environment.js';
import { CONNECTIONS } from '../load.js';
import { type Measure, whole } from '../measure.js';
import { fill, walPosition } from '../size/fill.js';

interface RefreshWal {
  readonly users: number;
  /** Bytes for each refresh. */
  readonly afterCheckpoint: number;
  readonly again: number;
  /** After another checkpoint, with `wal_compression`. */
  readonly compressed: number;
}

const USERS = 300_000;
const REFRESHED = 2000;
/** Seconds. The first response has less than the second call demands. */
const [LIFETIME, MIN_TTL] = [600, 900];
/** Longer than AUDIT_FLUSH_SECONDS: the audit events of the refreshes are written then. */
const SETTLE_MS = 2000;

export const refreshWal: Measure<RefreshWal> = {
  name: 'refresh-wal',
  title: 'Write-ahead log of a refresh',
  explanation: `${whole(REFRESHED)} of ${whole(USERS)} users, spread over the tables, have a token refreshed right after a checkpoint, and then once more. What PostgreSQL
writes to its log meanwhile counts, audit events included; a third time after another checkpoint, with \`wal_compression\`. After a checkpoint the first change of each page writes the whole page
(\`full_page_writes\`), so the first figure is the most that a refresh costs, and the second the least.`,
  take: (databaseUrl, effort) =>
    withFleet(databaseUrl, 1, {}, async ({ fleet, url, key, database }) => {
      const users = effort.some(USERS);
      const ring = generateKeyRing(new Date(), readFileSync(fleet.settings['KEY_RING_FILE'] ?? '', 'utf8'));
      const { expired } = await fill(fleet, database, {
        grants: users,
        fresh: 0,
        expired: effort.some(REFRESHED),
        keyId: keyRingOf(ring).sealingKeyId,
        indexes: 'after',
      });
      await database.query('VACUUM (ANALYZE)');
      fleet.google.control.overrideTokenResponse({ expires_in: LIFETIME });
      await database.query('CHECKPOINT');
      const written = (paths: readonly string[]) =>
        walOf(database, () => askAll(url, paths, key, CONNECTIONS));
      const first = await written(expired);
      const all = expired.map((user) => `${user}?min_ttl=${MIN_TTL}`);
      const again = await written(all);
      const compressed = await withCompression(database, () => written(all));
      const each = (bytes: number) => bytes / expired.length;
      return { users, afterCheckpoint: each(first), again: each(again), compressed: each(compressed) };
    }),
  rows: ({ afterCheckpoint, again, compressed }) => [
    {
      measure: 'write-ahead log of a refresh, pages changed for the first time since a checkpoint',
      measured: `${kilobytes(afterCheckpoint)}; with wal_compression ${kilobytes(compressed)}; pages changed before ${kilobytes(again)}`,
      goal: null,
    },
  ],
};

/** After another checkpoint. Other measures follow on this server. */
async function withCompression<T>(database: pg.Client, work: () => Promise<T>): Promise<T> {
  const set = async (change: string) => {
    await database.query(`ALTER SYSTEM ${change}`);
    await database.query('SELECT pg_reload_conf()');
  };
  await set('SET wal_compression = on');
  try {
    await database.query('CHECKPOINT');
    return await work();
  } finally {
    await set('RESET wal_compression');
  }
}

async function walOf(database: pg.Client, work: () => Promise<unknown>): Promise<number> {
  const before = await walPosition(database);
  await work();
  await pause(SETTLE_MS);
  return (await walPosition(database)) - before;
}

const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
