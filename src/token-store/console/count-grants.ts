/**
 * Counts the grants of each client, by status, by what ended them and by when they expire, in steps along an index: one statement over a
 * large part of ten million grants takes about as long as a session allows, and longer where few pages are in memory. Grants change
 * between two steps, so a figure is of no single moment: one whose status changes meanwhile may be counted under both, or under neither.
 * Does not own when they are counted (operations/count-grants.job.ts) nor what is kept of it (overview.repository.ts).
 */
import { codesOf } from '../client/database-error.js';
import type { CountRun } from './count-run.js';

interface CountedGrants {
  readonly client: string;
  readonly status: string;
  readonly count: number;
}

interface ExpiringCounts {
  readonly client: string;
  readonly soon: number;
  readonly week: number;
  readonly month: number;
}

interface DeadGrants {
  readonly cause: string | null;
  readonly whoMustAct: string | null;
  readonly count: number;
}

/** Few enough for one statement where each row must be read from a disk. */
const MAX_STEP = 50_000;
const FIRST_STEP = 2_000;
/** If the database cannot read so few in time, it is not the step that is too long. */
const MIN_STEP = 500;
/** query_canceled: by statement_timeout. */
const TIMED_OUT = '57014';
const FAST_MS = 250;
const SLOW_MS = 1_000;

const AT_ONCE = `
  SELECT client, status, count(*)::int AS count FROM grants GROUP BY client, status ORDER BY client, status`;

/** By one index lookup for each. */
const CLIENTS = `
  WITH RECURSIVE found AS (
    (SELECT client FROM grants ORDER BY client LIMIT 1)
    UNION ALL
    SELECT (SELECT client FROM grants WHERE client > found.client ORDER BY client LIMIT 1) FROM found WHERE client IS NOT NULL
  ) SELECT client FROM found WHERE client IS NOT NULL`;

export async function clientsOfGrants(run: CountRun): Promise<string[]> {
  const text = run.isDistributed ? 'SELECT DISTINCT client FROM grants ORDER BY client' : CLIENTS;
  return (await run.rows<{ client: string }>(text, [])).map(({ client }) => client);
}

/** @param maxStep rows of one statement */
export async function countByStatus(
  run: CountRun,
  clients: readonly string[],
  maxStep = MAX_STEP,
): Promise<CountedGrants[]> {
  if (run.isDistributed) return run.rows<CountedGrants>(AT_ONCE, []);
  const counted: CountedGrants[] = [];
  for (const client of clients) {
    const inactive = await count<Pick<CountedGrants, 'status'>>(
      run,
      {
        where: `client = $1 AND status <> 'active'`,
        key: [['status', 'text', ''], ...OF_CREATION],
        groups: { status: 'status' },
        values: [client],
      },
      maxStep,
    );
    const all = sum(
      await count(run, { where: 'client = $1', key: OF_CREATION, groups: {}, values: [client] }, maxStep),
    );
    // Of the two, only those that are not active are in an index by client and status that no grant leaves by a refresh.
    const active = Math.max(0, all - sum(inactive));
    const rows = [{ status: 'active', count: active }, ...inactive].map((row) => ({ client, ...row }));
    counted.push(...rows.filter((row) => row.count > 0));
  }
  return counted;
}

/** @param until within 3, 7 and 30 days */
export async function countExpiring(
  run: CountRun,
  client: string,
  isTesting: boolean,
  [soon, week, month]: readonly [Date, Date, Date],
  maxStep = MAX_STEP,
): Promise<ExpiringCounts> {
  const literal = (time: Date) => `'${time.toISOString()}'::timestamptz`;
  const at = isTesting ? 'expires_at_in_testing' : 'expires_at';
  const counted = await count<{ within: 'soon' | 'week' | 'month' }>(
    run,
    {
      where: `client = $1 AND ${at} <= $2::timestamptz`,
      key: [[at, 'timestamptz', '-infinity'], ID],
      groups: {
        within: `CASE WHEN ${at} <= ${literal(soon)} THEN 'soon' WHEN ${at} <= ${literal(week)} THEN 'week' ELSE 'month' END`,
      },
      values: [client, month],
    },
    maxStep,
  );
  const upTo = (...names: string[]) => sum(counted.filter(({ within }) => names.includes(within)));
  return { client, soon: upTo('soon'), week: upTo('soon', 'week'), month: sum(counted) };
}

/** What ended them is in no index: each row is read. */
export async function countDead(
  run: CountRun,
  clients: readonly string[],
  maxStep = MAX_STEP,
): Promise<DeadGrants[]> {
  const counted = new Map<string, DeadGrants>();
  for (const client of clients) {
    for (const status of ['suspended', 'reconnect_required']) {
      const rows = await count<Omit<DeadGrants, 'count'>>(
        run,
        {
          where: `client = $1 AND status = '${status}' AND status <> 'active'`,
          key: OF_CREATION,
          groups: { cause: `diagnosis->>'cause'`, whoMustAct: `diagnosis->>'who_must_act'` },
          values: [client],
        },
        maxStep,
      );
      for (const row of rows) {
        const key = JSON.stringify([row.cause, row.whoMustAct]);
        counted.set(key, { ...row, count: row.count + (counted.get(key)?.count ?? 0) });
      }
    }
  }
  return [...counted.values()].sort((a, b) => b.count - a.count);
}

/** A column of an index, its type, and a value before all others. */
type KeyColumn = readonly [column: string, type: string, first: string];
const ID: KeyColumn = ['id', 'uuid', '00000000-0000-0000-0000-000000000000'];
const OF_CREATION: readonly KeyColumn[] = [['created_at', 'timestamptz', '-infinity'], ID];

interface CountedRows {
  /** As in an index, together with the key, which is unique and in the order of that index. */
  readonly where: string;
  readonly key: readonly KeyColumn[];
  /** By name, an expression. */
  readonly groups: Readonly<Record<string, string>>;
  readonly values: readonly unknown[];
}

type Group<Groups> = Groups & { readonly count: number };

async function count<Groups extends object>(
  run: CountRun,
  counted: CountedRows,
  maxStep: number,
): Promise<Group<Groups>[]> {
  const { where, key, groups, values } = counted;
  const selected = Object.entries(groups).map(([name, expression]) => `${expression} AS "${name}"`);
  const names = Object.keys(groups).map((name) => `"${name}"`);
  const grouped = names.length > 0 ? `GROUP BY ${names.join(', ')}` : '';
  if (run.isDistributed) {
    // Several servers count their own rows at a time, and would have to send those of a step to the coordinator.
    const text = `SELECT ${[...selected, 'count(*)::int AS count'].join(', ')} FROM grants WHERE ${where} ${grouped}`;
    return run.rows(text, values);
  }
  const columns = key.map(([column]) => column).join(', ');
  const bound = (from: number) => key.map(([, type], index) => `$${from + index}::${type}`).join(', ');
  const rest = `FROM grants WHERE ${where} AND (${columns}) > (${bound(values.length + 1)})`;
  const position = key.map(([column]) => `${column}::text`).join(', ');
  const found = new Map<string, Group<Groups>>();
  const add = (rows: readonly Group<Groups>[]) => {
    for (const { count: more, ...group } of rows) {
      const name = JSON.stringify(group);
      found.set(name, { ...group, count: more + (found.get(name)?.count ?? 0) } as Group<Groups>);
    }
  };
  let step = Math.min(FIRST_STEP, maxStep);
  let after = key.map(([, , first]) => first);
  const takeStep = async () => {
    const [last] = await run.rows<{ position: string[] }>(
      `SELECT json_build_array(${position}) AS position ${rest} ORDER BY ${columns} OFFSET ${step - 1} LIMIT 1`,
      [...values, ...after],
    );
    if (last && names.length === 0) add([{ count: step } as Group<Groups>]);
    else {
      const upTo = last ? `AND (${columns}) <= (${bound(values.length + key.length + 1)})` : '';
      const text = `SELECT ${[...selected, 'count(*)::int AS count'].join(', ')} ${rest} ${upTo} ${grouped}`;
      add(await run.rows<Group<Groups>>(text, [...values, ...after, ...(last?.position ?? [])]));
    }
    return last?.position ?? null;
  };
  for (;;) {
    const beganAt = performance.now();
    try {
      const last = await takeStep();
      if (last === null) return [...found.values()];
      after = last;
      const tookMs = performance.now() - beganAt;
      if (tookMs < FAST_MS) step = Math.min(maxStep, step * 2);
      if (tookMs > SLOW_MS) step = Math.ceil(step / 2);
    } catch (error) {
      if (!codesOf(error).includes(TIMED_OUT) || step < MIN_STEP) throw error;
      step = Math.ceil(step / 8);
    }
  }
}

function sum(rows: readonly { readonly count: number }[]): number {
  return rows.reduce((total, row) => total + row.count, 0);
}
