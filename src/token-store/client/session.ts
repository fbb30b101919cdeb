import type { DatabaseClient } from './database-client.js';
import { SessionFault } from './database-error.js';

/** A query that takes longer is stuck; better an error than a pool without connections. */
export const STATEMENT_TIMEOUT_MS = 10_000;
/** For a network that swallows the response; the server's own timeouts end statements that it received. */
export const ANSWER_MS = STATEMENT_TIMEOUT_MS + 2000;
/** No lock is held for long: Google is never asked inside a transaction. */
const LOCK_TIMEOUT_MS = 5_000;
export const TRANSACTION_TIMEOUT_MS = 10_000;

/** The pooler that the operator names; null: detect it. */
export type Pooler = 'session' | 'transaction' | null;

/** In milliseconds, as PostgreSQL takes them; 0: none. */
type SessionLimits = Readonly<
  Record<'statement_timeout' | 'lock_timeout' | 'idle_in_transaction_session_timeout', string>
>;

const LIMITS: SessionLimits = {
  statement_timeout: String(STATEMENT_TIMEOUT_MS),
  lock_timeout: String(LOCK_TIMEOUT_MS),
  idle_in_transaction_session_timeout: String(TRANSACTION_TIMEOUT_MS),
};

/** For migrations. */
export const NO_LIMITS: SessionLimits = {
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
};

interface Session {
  readonly pid: number;
  readonly server_encoding: string;
  readonly schema: string | null;
  readonly isolation: string;
  readonly synchronous_commit: string;
  readonly replication_role: string;
  readonly idle_timeout: string | null;
}

/** Identifies one run of one server: no two have the same start time. */
export const SERVER_RUN_SQL = `extract(epoch FROM pg_postmaster_start_time())::text`;

const READ = `
  SELECT pg_backend_pid() AS pid, current_setting('server_encoding') AS server_encoding, current_schema() AS schema,
    current_setting('default_transaction_isolation') AS isolation,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('session_replication_role') AS replication_role,
    current_setting('idle_session_timeout', true) AS idle_timeout`;

/**
 * Sets what the code assumes of a session, or checks it where the session is shared, whatever role, database,
 * URL or pooler say. No time zone: times travel with their offset.
 * @throws {SessionFault} what does not fit, and could not be set
 */
export async function prepareSession(
  client: DatabaseClient,
  pooler: Pooler,
  limits: SessionLimits = LIMITS,
): Promise<void> {
  const { rows } = await client.query<Session>(READ);
  const [session] = rows;
  if (!session) throw new Error('The database returned no row for its session.');
  // A pooler gives its clients numbers of its own making.
  const isDirect = Reflect.get(client, 'processID') === session.pid;
  // PgBouncer would refuse the first transaction, long after it was ready. https://www.pgbouncer.org/config.html#pool_mode
  if (!isDirect) {
    // In two messages: in one, the transaction is over before PgBouncer looks.
    await client.query('BEGIN');
    await client.query('COMMIT');
  }
  client.isShared = pooler === 'transaction' || (pooler === null && !isDirect);
  await setReported(client);
  if (!client.isShared) await setOwn(client, session, limits);
  else checkShared(session);
  if (session.server_encoding !== 'UTF8') {
    const what = `is ${session.server_encoding}, and the broker needs a database with ENCODING 'UTF8'`;
    throw new SessionFault('server_encoding', what, null);
  }
}

/** These are reported to the client, and poolers give each client the values it set: PgBouncer's do. */
async function setReported(client: DatabaseClient): Promise<void> {
  const settings: [string, string, RegExp][] = [
    ['DateStyle', 'ISO', /^ISO\b/],
    ['client_encoding', 'UTF8', /^UTF-?8$/i],
  ];
  for (const [name, value, good] of settings) {
    if (good.test(client.reported.get(name) ?? value)) continue;
    await client.query(`SET ${name} = '${value}'`);
    const now = client.reported.get(name) ?? '';
    if (!good.test(now)) throw new SessionFault(name, `is ${now}`, `'${value}'`);
  }
}

async function setOwn(client: DatabaseClient, session: Session, limits: SessionLimits): Promise<void> {
  const settings: Record<string, string> = {
    ...limits,
    search_path: 'public',
    default_transaction_isolation: 'read committed',
  };
  if (session.synchronous_commit === 'off') settings['synchronous_commit'] = 'on';
  // Idle connections are reused after hours; the pool closes them itself.
  if (session.idle_timeout !== null) settings['idle_session_timeout'] = '0';
  const names = Object.keys(settings);
  const calls = names.map((name, index) => `set_config('${name}', $${index + 1}, false)`);
  await client.query(`SELECT ${calls.join(', ')}`, Object.values(settings));
  if (session.replication_role !== 'replica') return;
  // Only a superuser may. Otherwise the heartbeats say so (change-feed/required-triggers.ts): the triggers that notify fire ALWAYS.
  await client.query(`SET session_replication_role = 'origin'`).catch(() => undefined);
}

function checkShared(session: Session): void {
  const { schema, isolation, synchronous_commit: commit } = session;
  if (schema !== 'public') {
    throw new SessionFault('search_path', `leads to the schema ${schema ?? '(none)'} first`, 'public');
  }
  if (isolation !== 'read committed') {
    throw new SessionFault('default_transaction_isolation', `is ${isolation}`, "'read committed'");
  }
  if (commit === 'off') throw new SessionFault('synchronous_commit', 'is off', 'on');
}
