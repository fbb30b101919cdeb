/**
 * Fills the tables with millions of users as connects, refreshes and calls would have left them: rows as long as real ones, by few
 * statements. Some users, spread over all, are real: their tokens open, and the stand-in for Google knows them. Values that no call
 * reads are random text of the same length behind a real header. Owns the order of filling; rows.ts has the SQL of the rows, and
 * measures/size.ts what is measured over them.
 */
import type pg from 'pg';
import { createHash } from 'node:crypto';
import type { Fleet } from '../../sandbox/fleet/fleet.js';
import { type SealedUser, sealUsers } from '../../sandbox/fleet/seed.js';
import { withoutIndexes } from './indexes.js';
import {
  ACCESS_TOKENS,
  API,
  auditEvents,
  CONNECT_TICKETS,
  DEAD,
  EXPIRING,
  GRANTED,
  GRANTED_SECONDS,
  GRANTS,
  LEDGER,
  OUTBOX_EVENTS,
  RETENTION_DAYS,
} from './rows.js';

/** Rows of a statement. */
const CHUNK = 100_000;
const SEALED_AT_ONCE = 2000;
const TABLES = ['grants', 'access_tokens', 'refresh_tokens', 'outbox_events', 'connect_tickets'];

export interface Filled {
  /** In a random order. The access tokens of the first have not expired, those of the last have. */
  readonly fresh: readonly string[];
  readonly expired: readonly string[];
  readonly seconds: { readonly rows: number; readonly indexes: number };
  /** Write-ahead log, in bytes. */
  readonly wal: number;
}

export interface Fill {
  readonly grants: number;
  /** How many real users there are with a fresh access token, and with one that has expired. */
  readonly fresh: number;
  readonly expired: number;
  /** Key id in the header of generated values, which are never opened. */
  readonly keyId: string;
  /** `during`: they grow with each row, as in production. `after`: they are built after the rows, which is faster. */
  readonly indexes: 'during' | 'after';
}

export async function fill(fleet: Fleet, database: pg.Client, options: Fill): Promise<Filled> {
  const { grants, keyId } = options;
  const real = await realUsers(fleet, options);
  const first = [...real.values()][0];
  if (!first) throw new Error('There is no real user whose values the generated ones resemble.');
  const generated = {
    token: headerOf(first.sealedRefreshToken, keyId),
    tokenBytes: first.sealedRefreshToken.length,
    access: headerOf(first.accessToken.sealed, keyId),
    accessBytes: first.accessToken.sealed.length,
  };
  const startedAt = performance.now();
  const before = await walPosition(database);
  // Partitions of months only, as the retention leaves them.
  await database.query(
    'TRUNCATE connect_tickets; DROP TABLE IF EXISTS audit_events, audit_trail_old; SELECT create_audit_partitions(3)',
  );
  await database.query(`SET synchronous_commit = off; SET maintenance_work_mem = '1GB'`);
  await setAutovacuum(database, false);
  // No replica needs the notifications of these rows, which PostgreSQL would keep in memory until the commit.
  await database.query('ALTER TABLE grants DISABLE TRIGGER grant_came_or_went');
  let filledAt = startedAt;
  const insert = async () => {
    for (let from = 1; from <= grants; from += CHUNK) {
      const to = Math.min(from + CHUNK - 1, grants);
      const rows = [...real].filter(([ordinal]) => ordinal >= from && ordinal <= to).map(rowOf);
      const sealedAlike = [generated.token, generated.tokenBytes, GRANTED_SECONDS / grants];
      await database.query(GRANTS, [from, to, JSON.stringify(rows), ...sealedAlike]);
      await database.query(ACCESS_TOKENS, [
        from,
        to,
        JSON.stringify(rows),
        generated.access,
        generated.accessBytes,
      ]);
      await database.query(LEDGER, [from, to, JSON.stringify(rows)]);
      await database.query(OUTBOX_EVENTS, [from, to]);
      await database.query(CONNECT_TICKETS, [from, to, generated.token]);
    }
    await fillAuditTrail(database, grants);
    filledAt = performance.now();
  };
  if (options.indexes === 'during') await insert();
  else await withoutIndexes(database, TABLES, insert);
  await database.query('ALTER TABLE grants ENABLE ALWAYS TRIGGER grant_came_or_went');
  await database.query('ANALYZE');
  const users = [...real.values()].map(({ grant }) => grant.userId);
  return {
    fresh: users.slice(0, options.fresh),
    expired: users.slice(options.fresh),
    seconds: { rows: (filledAt - startedAt) / 1000, indexes: (performance.now() - filledAt) / 1000 },
    wal: (await walPosition(database)) - before,
  };
}

/** By ordinal, in a random order. */
async function realUsers(fleet: Fleet, { grants, fresh, expired }: Fill): Promise<Map<number, SealedUser>> {
  const wanted = fresh + expired;
  const ordinals = new Set<number>();
  // The same at each size and in each run: none is dead or about to expire.
  for (let tried = 0; ordinals.size < wanted; tried++) {
    const ordinal = 1 + (createHash('sha256').update(String(tried)).digest().readUInt32BE() % grants);
    if (ordinal % DEAD !== 0 && ordinal % EXPIRING !== 1) ordinals.add(ordinal);
    if (tried > 100 * wanted) throw new Error(`${grants} grants are too few for ${wanted} real users.`);
  }
  const sealed = new Map<number, SealedUser>();
  const order = [...ordinals];
  for (let at = 0; at < wanted; at += SEALED_AT_ONCE) {
    const some = order.slice(at, at + SEALED_AT_ONCE);
    // A day: filling may take longer than an hour.
    for (const [isFresh, secondsLeft] of [
      [true, 86_400],
      [false, -60],
    ] as const) {
      const mine = some.filter((_, index) => at + index < fresh === isFresh);
      const options = { secondsLeft, scope: GRANTED, requested: API };
      const users = await sealUsers(fleet, mine.map(userId), options);
      for (const [index, ordinal] of mine.entries()) sealed.set(ordinal, users[index] as SealedUser);
    }
  }
  return sealed;
}

/** A UUID, as apps have them; the same as USER in SQL. */
function userId(ordinal: number): string {
  const hash = createHash('md5').update(String(ordinal)).digest('hex');
  return hash.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The header of a sealed value with another key id. The broker checks a header only when it opens the value. */
function headerOf(sealed: string, keyId: string): string {
  const [encoded = ''] = sealed.split('.', 1);
  const header = JSON.parse(Buffer.from(encoded, 'base64url').toString()) as { kid: string };
  return Buffer.from(JSON.stringify({ ...header, kid: keyId })).toString('base64url');
}

function rowOf([ordinal, { grant, fingerprint, mac, sealedRefreshToken, accessToken }]: [
  number,
  SealedUser,
]) {
  return {
    ordinal,
    id: grant.id,
    account: grant.account.sub,
    email: grant.account.email,
    at: grant.createdAt,
    sealed: sealedRefreshToken,
    fingerprint: Buffer.from(fingerprint).toString('hex'),
    mac: Buffer.from(mac).toString('hex'),
    access: accessToken.sealed,
    obtained: accessToken.obtainedAt,
    expires: accessToken.expiresAt,
  };
}

/** One event for each user: half in this month, half in a month that the retention drops; each month is built as the broker makes it. */
async function fillAuditTrail(database: pg.Client, grants: number): Promise<void> {
  const old = `(date_trunc('month', now()) - interval '${RETENTION_DAYS + 62} days')`;
  await database.query(`
    CREATE TABLE audit_trail_old (LIKE audit_trail INCLUDING DEFAULTS);
    INSERT INTO audit_trail_old ${auditEvents(`date_trunc('month', ${old}) + ordinal % 2400000 * interval '1 second'`, `1, ${Math.floor(grants / 2)}`)};
    DO $$ BEGIN EXECUTE format('ALTER TABLE audit_trail ATTACH PARTITION audit_trail_old FOR VALUES FROM (%L) TO (%L)',
      date_trunc('month', ${old}), date_trunc('month', ${old}) + interval '1 month'); END $$;
    INSERT INTO audit_trail ${auditEvents(`date_trunc('month', now()) + ordinal % 86400 * interval '1 second'`, `${Math.floor(grants / 2) + 1}, ${grants}`)}`);
}

/** When off, no automatic VACUUM runs during a measurement. */
export async function setAutovacuum(database: pg.Client, isOn: boolean): Promise<void> {
  await database.query(`ALTER SYSTEM SET autovacuum = ${isOn ? 'on' : 'off'}`);
  await database.query('SELECT pg_reload_conf()');
}

/** @returns bytes of write-ahead log since the database was made */
export async function walPosition(database: pg.Client): Promise<number> {
  const { rows } = await database.query<{ bytes: string }>(`SELECT pg_current_wal_lsn() - '0/0' AS bytes`);
  return Number(rows[0]?.bytes ?? 0);
}
