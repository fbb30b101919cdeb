/**
 * Fills the tables with millions of users as connects, refreshes and calls would have left them: rows as long as real ones, by few
 * statements. Some users, spread over all, are real: their tokens open, and the stand-in for Google knows them. What no call reads is
 * random text of the same length behind a real header. Owns what is in the rows; measures/size.ts says what is measured over them.
 */
import type pg from 'pg';
import { createHash } from 'node:crypto';
import type { Fleet } from '../../sandbox/fleet/fleet.js';
import { type SealedUser, sealUsers } from '../../sandbox/fleet/seed.js';
import { withoutIndexes } from './indexes.js';

/** Rows of a statement. */
const CHUNK = 100_000;
const SEALED_AT_ONCE = 2000;
const API = 'https://www.googleapis.com/auth/yt-analytics.readonly';
const EMAIL = 'https://www.googleapis.com/auth/userinfo.email';
const GRANTED = `${EMAIL} ${API} openid`;
/** The time over which the grants came, one after the other. */
const GRANTED_SECONDS = 300 * 86_400;
/** One in so many users. */
const DEAD = 50;
const EXPIRING = 200;
const OUTBOX = 10;
/** Of a full retention: half of the events are older than that. */
export const RETENTION_DAYS = 400;

/** Half of them so old that they are deleted. */
const TICKETS = 100;

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
  /** Behind which no call looks, in place of the newest key's: what is not real is sealed under this one. */
  readonly keyId: string;
  /** Row by row, as it grows in service, in place of building them after the rows. */
  readonly keepsIndexes?: boolean;
}

export async function fill(fleet: Fleet, database: pg.Client, options: Fill): Promise<Filled> {
  const { grants, keyId } = options;
  const real = await realUsers(fleet, options);
  const first = [...real.values()][0];
  if (!first) throw new Error('There is no real user to take the form of the others from.');
  const like = {
    token: headerOf(first.sealedRefreshToken, keyId),
    tokenBytes: first.sealedRefreshToken.length,
    access: headerOf(first.accessToken.sealed, keyId),
    accessBytes: first.accessToken.sealed.length,
  };
  const startedAt = performance.now();
  const before = await walPosition(database);
  // As the retention leaves it, not as the first migration: there are months only.
  await database.query(
    'TRUNCATE connect_tickets; DROP TABLE IF EXISTS audit_events, audit_trail_old; SELECT create_audit_partitions(3)',
  );
  await database.query(`SET synchronous_commit = off; SET maintenance_work_mem = '1GB'`);
  await setAutovacuum(database, false);
  // A notification of each row would wait for the commit in memory, for replicas that must not know.
  await database.query('ALTER TABLE grants DISABLE TRIGGER grant_came_or_went');
  let filledAt = startedAt;
  const insert = async () => {
    for (let from = 1; from <= grants; from += CHUNK) {
      const to = Math.min(from + CHUNK - 1, grants);
      const rows = [...real].filter(([place]) => place >= from && place <= to).map(rowOf);
      const likeToken = [like.token, like.tokenBytes, GRANTED_SECONDS / grants];
      await database.query(GRANTS, [from, to, JSON.stringify(rows), ...likeToken]);
      await database.query(ACCESS_TOKENS, [from, to, JSON.stringify(rows), like.access, like.accessBytes]);
      await database.query(LEDGER, [from, to, JSON.stringify(rows)]);
      await database.query(OUTBOX_EVENTS, [from, to]);
      await database.query(CONNECT_TICKETS, [from, to, like.token]);
    }
    await fillAuditTrail(database, grants);
    filledAt = performance.now();
  };
  if (options.keepsIndexes) await insert();
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

/** By their place among all, in a random order. */
async function realUsers(fleet: Fleet, { grants, fresh, expired }: Fill): Promise<Map<number, SealedUser>> {
  const wanted = fresh + expired;
  const places = new Set<number>();
  // The same at each size and in each run: none is dead or about to expire.
  for (let tried = 0; places.size < wanted; tried++) {
    const place = 1 + (createHash('sha256').update(String(tried)).digest().readUInt32BE() % grants);
    if (place % DEAD !== 0 && place % EXPIRING !== 1) places.add(place);
    if (tried > 100 * wanted) throw new Error(`${grants} grants are too few for ${wanted} real users.`);
  }
  const sealed = new Map<number, SealedUser>();
  const order = [...places];
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
      for (const [index, place] of mine.entries()) sealed.set(place, users[index] as SealedUser);
    }
  }
  return sealed;
}

/** A UUID, as apps have them; the same as USER in SQL. */
function userId(place: number): string {
  const hash = createHash('md5').update(String(place)).digest('hex');
  return hash.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Of the same form, naming another key: nothing of it is proved before it is opened. */
function headerOf(sealed: string, keyId: string): string {
  const [encoded = ''] = sealed.split('.', 1);
  const header = JSON.parse(Buffer.from(encoded, 'base64url').toString()) as { kid: string };
  return Buffer.from(JSON.stringify({ ...header, kid: keyId })).toString('base64url');
}

function rowOf([place, { grant, fingerprint, mac, sealedRefreshToken, accessToken }]: [number, SealedUser]) {
  return {
    place,
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

const REAL = `jsonb_to_recordset($3::jsonb) AS one (place int, id uuid, account text, email text, at timestamptz, sealed text,
  fingerprint text, mac text, access text, obtained timestamptz, expires timestamptz)`;
const ROWS = `FROM generate_series($1::int, $2::int) AS place LEFT JOIN ${REAL} USING (place)`;
const USER = `md5(place::text)::uuid::text`;
const GRANT = `md5('grant' || place)::uuid`;
const ACCOUNT = `'1' || lpad(('x' || left(md5('account' || place), 15))::bit(60)::bigint::text, 20, '0')`;
const IS_DEAD = `place % ${DEAD} = 0`;
const DIAGNOSIS = JSON.stringify({
  cause: 'user_revoked',
  confidence: 'likely',
  who_must_act: 'user',
  google_error: 'invalid_grant',
  google_description: 'Token has been expired or revoked.',
});
/** Not compressible, and not the same in two rows. */
const text = (header: string, bytes: string) =>
  `left(${header} || '..' || ${Array.from({ length: 20 }, (_, part) => `md5('${part}' || place)`).join(' || ')}, ${bytes}::int)`;

const GRANTS = `
  INSERT INTO grants (id, user_id, client, account_sub, account_email, requested_scopes, granted_scopes, status, diagnosis,
    sealed_refresh_token, credential_version, refresh_token_expires_at, refresh_token_issued_at, created_at, consented_at, refreshed_at,
    version, refreshes)
  SELECT coalesce(id, ${GRANT}), ${USER}, 'default', coalesce(account, ${ACCOUNT}), coalesce(email, 'user' || place || '@example.com'),
    ARRAY['${API}'], string_to_array('${GRANTED}', ' '), CASE WHEN ${IS_DEAD} THEN 'reconnect_required' ELSE 'active' END,
    CASE WHEN ${IS_DEAD} THEN '${DIAGNOSIS}'::jsonb END,
    CASE WHEN NOT ${IS_DEAD} THEN coalesce(sealed, ${text('$4::text', '$5')}) END, CASE WHEN NOT ${IS_DEAD} THEN 1 END,
    CASE WHEN place % ${EXPIRING} = 1 THEN now() + (1 + place % 6) * interval '1 day' + place % 86400 * interval '1 second' END,
    coalesce(at, made), made, coalesce(at, made), now() - place % 3600 * interval '1 second', 1, 24
  ${ROWS}
  CROSS JOIN LATERAL (SELECT date_trunc('milliseconds', now() - interval '301 days' + $6::float8 * place * interval '1 second') AS made) AS times`;

const ACCESS_TOKENS = `
  INSERT INTO access_tokens (user_id, grant_id, scope_set, sealed_token, obtained_at, expires_at)
  SELECT ${USER}, coalesce(id, ${GRANT}), '${GRANTED}', coalesce(access, ${text('$4::text', '$5')}),
    coalesce(obtained, now()), coalesce(expires, now() + interval '1 hour')
  ${ROWS} WHERE NOT ${IS_DEAD}`;

const LEDGER = `
  INSERT INTO refresh_tokens (user_id, fingerprint, account_sub, client, grant_id, issued_at, expires_at, last_used_at, ended_at, end_reason,
    slots_taken, prefix_hash, sha512_hash, mac)
  SELECT ${USER}, coalesce(decode(fingerprint, 'hex'), sha256(('f' || place)::bytea)), coalesce(account, ${ACCOUNT}), 'default',
    coalesce(id, ${GRANT}), now(), CASE WHEN id IS NOT NULL THEN at END, now(), CASE WHEN ${IS_DEAD} THEN now() END,
    CASE WHEN ${IS_DEAD} THEN 'user_revoked' END, 1, sha256(('p' || place)::bytea), sha256(('s' || place)::bytea),
    coalesce(decode(mac, 'hex'), sha256(('m' || place)::bytea))
  ${ROWS}`;

/** Delivered: half of them long enough ago to be deleted. */
const OUTBOX_EVENTS = `
  INSERT INTO outbox_events (user_id, id, type, webhook_id, payload, created_at, next_attempt_at, attempts, delivered_at)
  SELECT ${USER}, 'msg_' || md5('event' || place)::uuid, 'grant.scopes_changed', 'wh_benchmark',
    json_build_object('type', 'grant.scopes_changed', 'timestamp', made, 'data', json_build_object('grant_id', ${GRANT}, 'user_id', ${USER},
      'client', 'default', 'account', json_build_object('sub', ${ACCOUNT}, 'email', 'user' || place || '@example.com'), 'status', 'active',
      'scope', '${GRANTED}')), made, made, 1, made
  FROM generate_series($1::int, $2::int) AS place
  CROSS JOIN LATERAL (SELECT now() - CASE WHEN place % ${2 * OUTBOX} = 0 THEN 31 ELSE 1 END * interval '1 day' AS made) AS times
  WHERE place % ${OUTBOX} = 0`;

const CONNECT_TICKETS = `
  INSERT INTO connect_tickets (id, service_id, user_id, client, state, grant_id, created_at, ended_at, expires_at, version, sealed_request)
  SELECT md5('ticket' || place), 'h3k9x2mvq7aw', ${USER}, 'default', 'connected', ${GRANT}::text, made, made, made + interval '30 minutes', 4,
    ${text('$3::text', '600')}
  FROM generate_series($1::int, $2::int) AS place
  CROSS JOIN LATERAL (SELECT now() - CASE WHEN place % ${2 * TICKETS} = 0 THEN 25 ELSE 5 END * interval '1 hour' AS made) AS times
  WHERE place % ${TICKETS} = 0`;

/** One event for each user: half in this month, half in a month that the retention drops; each month is built as the broker makes it. */
async function fillAuditTrail(database: pg.Client, grants: number): Promise<void> {
  const old = `(date_trunc('month', now()) - interval '${RETENTION_DAYS + 62} days')`;
  await database.query(`
    CREATE TABLE audit_trail_old (LIKE audit_trail INCLUDING DEFAULTS);
    INSERT INTO audit_trail_old ${auditEvents(`date_trunc('month', ${old}) + place % 2400000 * interval '1 second'`, `1, ${Math.floor(grants / 2)}`)};
    DO $$ BEGIN EXECUTE format('ALTER TABLE audit_trail ATTACH PARTITION audit_trail_old FOR VALUES FROM (%L) TO (%L)',
      date_trunc('month', ${old}), date_trunc('month', ${old}) + interval '1 month'); END $$;
    INSERT INTO audit_trail ${auditEvents(`date_trunc('month', now()) + place % 86400 * interval '1 second'`, `${Math.floor(grants / 2) + 1}, ${grants}`)}`);
}

function auditEvents(at: string, places: string): string {
  return `(id, at, last_at, count, action, outcome, actor, service_id, user_id, client, grant_id, request_id, details)
    SELECT md5('audit' || place)::uuid, at, at, 1, 'token.issue', 'ok', 'reports', 'h3k9x2mvq7aw', ${USER}, 'default', ${GRANT}::text,
      md5('request' || place)::uuid::text, '{"scopes": ["${EMAIL}", "${API}", "openid"]}'
    FROM generate_series(${places}) AS place CROSS JOIN LATERAL (SELECT ${at} AS at) AS times`;
}

/** Off, no table is vacuumed at a time of its own choice, while something is measured. */
export async function setAutovacuum(database: pg.Client, isOn: boolean): Promise<void> {
  await database.query(`ALTER SYSTEM SET autovacuum = ${isOn ? 'on' : 'off'}`);
  await database.query('SELECT pg_reload_conf()');
}

async function walPosition(database: pg.Client): Promise<number> {
  const { rows } = await database.query<{ bytes: string }>(`SELECT pg_current_wal_lsn() - '0/0' AS bytes`);
  return Number(rows[0]?.bytes ?? 0);
}
