/**
 * Which of the servers in a URL a new connection goes to, as libpq's `target_session_attrs` has it, and one thing more: of two that
 * take writes, the newer. Each is asked on a connection of its own, which pg cannot use again. Does not own how often it is asked.
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-TARGET-SESSION-ATTRS
 */
import { Logger } from '@nestjs/common';
import pg from 'pg';
import type { AddressSource } from './address-source.js';
import type { DatabaseAddress, DatabaseHost } from './database-address.js';
import { codesOf } from './database-error.js';

/** For a server that swallows packets. */
const TIMEOUT_MS = 2000;
/** How long those that were silent the last time are waited for once one can be written to. */
const SILENT_MS = 250;

/** How many causes of an error are followed. */
const MAX_DEPTH = 5;

interface Probe {
  readonly host: DatabaseHost;
  readonly isWritable: boolean;
  /** Each promotion begins a new one. 0: the server does not say, as Aurora does not. */
  readonly timeline: number;
}

/** No server of a URL serves; says what each one said, and never with what login. */
class NoHost extends Error {
  override readonly name = 'NoHost';
  /** PostgreSQL's for a write on a standby, where one was reached. */
  readonly code: string | undefined;

  /** @param tried each host and what it said, for operators */
  constructor(
    readonly tried: string,
    readonly errors: readonly unknown[],
    isAnyReached: boolean,
  ) {
    super(`no server of the URL can be ${isAnyReached ? 'written to' : 'reached'}: ${tried}`);
    this.code = isAnyReached ? '25006' : undefined;
  }
}

/** Prisma keeps nothing but the message of an error that it does not know. */
const TRIED = /no server of the URL can be (?:written to|reached): (.+)$/m;

/** What each host of the URL said, in an error or in what it was made from; null where that is not why. */
export function hostsTried(error: unknown, depth = 0): string | null {
  if (error instanceof NoHost) return error.tried;
  if (!(error instanceof Error) || depth > MAX_DEPTH) return null;
  const { cause, meta } = error as { cause?: unknown; meta?: { driverAdapterError?: unknown } };
  const [, tried = null] = TRIED.exec(error.message) ?? [];
  return tried ?? hostsTried(cause, depth + 1) ?? hostsTried(meta?.driverAdapterError, depth + 1);
}

/** @throws {NoHost} */
export async function chooseHost(source: AddressSource, address: DatabaseAddress): Promise<DatabaseHost> {
  const { hosts } = address;
  const chosen = address.mustBeWritable
    ? await newestWritable(source, hosts)
    : await firstReached(inOrder(source, hosts));
  source.preferred = hosts.indexOf(chosen);
  return chosen;
}

/** Beginning with the one that was right the last time. */
function inOrder({ preferred }: AddressSource, hosts: readonly DatabaseHost[]): DatabaseHost[] {
  return [...hosts.slice(preferred), ...hosts.slice(0, preferred)];
}

async function firstReached(hosts: readonly DatabaseHost[]): Promise<DatabaseHost> {
  const errors: unknown[] = [];
  for (const host of hosts) {
    try {
      return (await probe(host)).host;
    } catch (error) {
      errors.push(error);
    }
  }
  throw new NoHost(hosts.map((host, index) => saying(host, errors[index])).join(', '), errors, false);
}

/**
 * After a failover that left the old primary running, both can be written to. Without a look at the other one, each replica would
 * stay where it is, and what is disconnected at one server be served from the other.
 */
async function newestWritable(source: AddressSource, hosts: readonly DatabaseHost[]): Promise<DatabaseHost> {
  const ordered = inOrder(source, hosts);
  const outcomes = ordered.map(() => null as Probe | { readonly error: unknown } | null);
  const first = Promise.withResolvers<null>();
  const probes = ordered.map(async (host, index) => {
    const startedAt = performance.now();
    outcomes[index] = await probe(host).catch((error: unknown) => ({ error }));
    if (performance.now() - startedAt < TIMEOUT_MS) source.silent.delete(placeOf(host));
    else source.silent.add(placeOf(host));
    if ('isWritable' in outcomes[index] && outcomes[index].isWritable) first.resolve(null);
  });
  const answering = probes.filter((_, index) => !source.silent.has(placeOf(ordered[index] as DatabaseHost)));
  const enough = Promise.all([...answering, first.promise.then(() => wait(SILENT_MS))]);
  await Promise.race([Promise.all(probes), enough, first.promise.then(() => wait(TIMEOUT_MS))]);
  const writable = outcomes.filter(
    (each): each is Probe => each !== null && 'host' in each && each.isWritable,
  );
  // Of equal ones the first in the URL: every replica chooses the same.
  const [newest] = writable.toSorted(
    (one, other) => other.timeline - one.timeline || hosts.indexOf(one.host) - hosts.indexOf(other.host),
  );
  if (newest) {
    report(source, writable, newest);
    return newest.host;
  }
  const errors = outcomes.flatMap((each) => (each && 'error' in each ? [each.error] : []));
  const said = outcomes.map((each, index) => {
    const host = ordered[index] as DatabaseHost;
    return each && 'error' in each ? saying(host, each.error) : `${placeOf(host)} (read-only)`;
  });
  throw new NoHost(said.join(', '), errors, errors.length < hosts.length);
}

function report(source: AddressSource, writable: readonly Probe[], newest: Probe): void {
  const isSplit = writable.length > 1;
  if (isSplit && !source.isSplit) {
    new Logger('Database').error(
      { hosts: writable.map(({ host }) => placeOf(host)), chosen: placeOf(newest.host) },
      'two servers of DATABASE_URL take writes: stop the old primary (docs/failover.md#fencing)',
    );
  }
  source.isSplit = isSplit;
}

async function probe(host: DatabaseHost): Promise<Probe> {
  const client = new pg.Client({
    ...host,
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
    application_name: 'token-broker',
  });
  // A connection that ends while it is closed.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ writable: boolean }>(
      `SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS writable`,
    );
    const isWritable = rows[0]?.writable === true;
    return { host, isWritable, timeline: isWritable ? await timelineOf(client) : 0 };
  } finally {
    void client.end().catch(() => undefined);
  }
}

/** The control file names the new one only after a checkpoint; the name of the current WAL file at once. */
async function timelineOf(client: pg.Client): Promise<number> {
  try {
    const { rows } = await client.query<{ timeline: string }>(
      'SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline',
    );
    return Number.parseInt(rows[0]?.timeline ?? '0', 16);
  } catch {
    return 0;
  }
}

function saying(host: DatabaseHost, error: unknown): string {
  return `${placeOf(host)} (${codesOf(error)[0] ?? (error instanceof Error ? error.message : 'no answer')})`;
}

function placeOf({ host, port }: DatabaseHost): string {
  return `${host ?? 'localhost'}:${port ?? 5432}`;
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms).unref());
