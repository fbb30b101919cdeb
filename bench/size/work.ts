/** What is done over tables of any size: calls, lists, background jobs and commands. Each returns what it took. */
import type { INestApplicationContext } from '@nestjs/common';
import type pg from 'pg';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { compiled } from '../../sandbox/compiled.js';
import type { Fleet } from '../../sandbox/fleet/fleet.js';
import { readSettings, withModules } from '../../src/cli/shared/open-broker.js';
import { AuditPartitionsRepository } from '../../src/token-store/audit/audit-partitions.repository.js';
import { ConnectTicketsRepository } from '../../src/token-store/connects/connect-tickets.repository.js';
import { OverviewRepository } from '../../src/token-store/console/overview.repository.js';
import { OutboxEventsRepository } from '../../src/token-store/outbox/outbox-events.repository.js';
import { Settings } from '../../src/config/settings.js';
import { askAll, median, pause, percentile } from '../environment.js';
import { RETENTION_DAYS } from './rows.js';

const DAY_MS = 24 * 3600_000;
const LIST_CALLS = 20;
const PAGE = 20;
const MAX_PAGES = 100;

/** Milliseconds. */
interface Latency {
  readonly p50: number;
  readonly p99: number;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

export interface Reads extends Latency {
  readonly perSecond: number;
  /** Share of the blocks that were in PostgreSQL's shared buffers. */
  readonly inBuffers: number;
  /** Bytes that the machine read from its disk for each call, past its page cache; null: it does not say. */
  readonly diskBytes: number | null;
}

export async function readUsers(
  { url, key, database }: { readonly url: string; readonly key: string; readonly database: pg.Client },
  users: readonly string[],
  concurrency: number,
): Promise<Reads> {
  const before = await readBlocks(database);
  const startedAt = performance.now();
  const latencies = (await askAll(url, users, key, concurrency)).map(({ ms }) => ms);
  const seconds = (performance.now() - startedAt) / 1000;
  const after = await readBlocks(database);
  const hits = after.hit - before.hit;
  return {
    p50: median(latencies),
    p99: percentile(latencies, 0.99),
    perSecond: users.length / seconds,
    inBuffers: hits / (hits + after.read - before.read),
    diskBytes: after.disk === null || before.disk === null ? null : (after.disk - before.disk) / users.length,
  };
}

async function readBlocks(database: pg.Client) {
  // PostgreSQL counts what a session reports, at most once a second.
  await pause(1500);
  await database.query('SELECT pg_stat_clear_snapshot()');
  const { rows } = await database.query<{ hit: string; read: string }>(
    `SELECT sum(blks_hit) AS hit, sum(blks_read) AS read FROM pg_stat_database`,
  );
  return { hit: Number(rows[0]?.hit), read: Number(rows[0]?.read), disk: diskBytes() };
}

/** Of the whole machine, since its start. */
function diskBytes(): number | null {
  try {
    const [, kilobytes] = /^pgpgin (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8')) ?? [];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  } catch {
    return null;
  }
}

export interface List {
  /** Milliseconds. */
  readonly first: number;
  /** Of the last pages. */
  readonly deep: number;
  readonly pages: number;
}

/** GET /grants?expiring_within=: its first page again and again, then page by page. */
export async function listExpiring(url: string, headers: Record<string, string>): Promise<List> {
  const path = `${url}/grants?expiring_within=${8 * 86_400}&limit=${PAGE}`;
  const get = async (cursor: string | null) => {
    const startedAt = performance.now();
    const more = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const response = await fetch(`${path}${more}`, { headers });
    const { next } = (await response.json()) as { next: string | null };
    if (response.status !== 200) throw new Error(`The list was answered ${response.status}.`);
    return { next, ms: performance.now() - startedAt };
  };
  const first: number[] = [];
  for (let call = 0; call < LIST_CALLS; call++) first.push((await get(null)).ms);
  const pages: number[] = [];
  let next: string | null = null;
  do {
    const page = await get(next);
    pages.push(page.ms);
    next = page.next;
  } while (next !== null && pages.length < MAX_PAGES);
  return { first: median(first), deep: median(pages.slice(-LIST_CALLS)), pages: pages.length };
}

/** The repositories of the broker, as its jobs use them, without its server. */
export async function withRepositories<T>(
  fleet: Fleet,
  use: (broker: INestApplicationContext) => Promise<T>,
): Promise<T> {
  return withModules(await readSettings(fleet.settings), [], use);
}

/** What the overview of the console shows: counted, then read. */
export async function countGrants(broker: INestApplicationContext): Promise<number> {
  const options = { restMs: 0, shutdown: new AbortController().signal };
  return timed(() => broker.get(OverviewRepository).takeSnapshot([], broker.get(Settings), options));
}

export async function readOverview(broker: INestApplicationContext): Promise<number> {
  const times: number[] = [];
  for (let call = 0; call < LIST_CALLS; call++)
    times.push(await timed(() => broker.get(OverviewRepository).read(new Date())));
  return median(times);
}

export interface Retention {
  /** Milliseconds. */
  readonly auditTrail: number;
  readonly outbox: number;
  readonly tickets: number;
}

export async function retain(broker: INestApplicationContext): Promise<Retention> {
  const now = Date.now();
  const before = (days: number) => new Date(now - days * DAY_MS);
  return {
    auditTrail: await timed(() => broker.get(AuditPartitionsRepository).prune(before(RETENTION_DAYS))),
    outbox: await timed(() => broker.get(OutboxEventsRepository).prune(before(30))),
    tickets: await timed(() => broker.get(ConnectTicketsRepository).prune(new Date())),
  };
}

export interface Reseal {
  readonly seconds: number;
  readonly resealed: number;
}

/** `token-broker keys reseal`, as an operator runs it. */
export async function reseal(fleet: Fleet, ring: string): Promise<Reseal> {
  const file = `${fleet.settings['KEY_RING_FILE'] ?? ''}.newer`;
  writeFileSync(file, ring, { mode: 0o600 });
  const startedAt = performance.now();
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [compiled('bundle/cli/main.js'), 'keys', 'reseal', '--json'],
    { env: { ...fleet.settings, KEY_RING_FILE: file } },
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const { columns } = JSON.parse(stdout) as { columns: { resealed: number; unopened: number }[] };
  const sum = (of: 'resealed' | 'unopened') => columns.reduce((total, column) => total + column[of], 0);
  if (sum('unopened') > 0) throw new Error(`${sum('unopened')} values did not open.`);
  return { seconds, resealed: sum('resealed') };
}
