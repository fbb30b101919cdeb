/** What the page shows of the measure of size: goals, a table of all sizes, and plots of what grows. */
import { CONCURRENCY, CONNECTIONS, GOOGLE_MS, type Size, type Sized, type Table } from './result.js';
import { atMost, duration, ms, type Plot, ratio, type Row, whole } from '../measure.js';
import { growthCurve } from '../page/lines.js';

const FAILED = 'failed';

export function rows({ sizes, stormUsers }: Size): readonly Row[] {
  const most = sizes.at(-1);
  if (!most) return [];
  const users = `${whole(most.grants)} users`;
  const found: Row[] = [];
  // The fastest of the smaller sizes: any may be slow for another reason than its size.
  const [fastest] = sizes
    .slice(0, -1)
    .flatMap(({ grants, alone }) => (alone ? [{ grants, alone }] : []))
    .toSorted((a, b) => a.alone.p50 - b.alone.p50);
  if (fastest && most.alone) {
    const times = most.alone.p50 / fastest.alone.p50;
    found.push({
      measure: `token in no cache, ${users} against ${whole(fastest.grants)}, p50`,
      measured: `${ms(most.alone.p50)} against ${ms(fastest.alone.p50)}: ${ratio(times)}; p99 ${ms(most.alone.p99)} against ${ms(fastest.alone.p99)}`,
      goal: atMost(times, 1.3),
    });
  }
  if (most.stormSeconds) {
    const limit = limitOf(stormUsers);
    const worst = Math.max(...most.stormSeconds) / limit;
    found.push({
      measure: `${whole(stormUsers)} of ${users} with expired tokens at once, Google at ${GOOGLE_MS} ms`,
      measured: `${Math.max(...most.stormSeconds).toFixed(1)} s for a limit of ${limit.toFixed(1)} s: ${ratio(worst)}`,
      goal: atMost(worst, 1.25),
    });
  }
  if (most.list) {
    found.push({
      measure: `first page of the grants that expire, of ${users}`,
      measured: `${ms(most.list.first)}; page ${most.list.pages}: ${ms(most.list.deep)}`,
      goal: atMost(most.list.first, 50, ' ms'),
    });
  }
  if (most.count !== null) {
    found.push({
      measure: `the grants of ${users} counted for the console`,
      measured: `${duration(most.count)}; before VACUUM ${shown(most.countUnvacuumed, duration)}; read ${shown(most.overview, ms)}`,
      goal: atMost(most.count / 1000, 10, ' s'),
    });
  }
  return found;
}

/** Seconds at least: those of Google. */
function limitOf(users: number): number {
  return ((users / CONCURRENCY) * GOOGLE_MS) / 1000;
}

export function notes(result: Size): string {
  const { sizes, leftOut, grown } = result;
  const most = sizes.at(-1);
  if (!most) return 'No size fits on the disk.';
  const lines: [string, (sized: Sized) => string][] = [
    ['rows filled in', ({ seconds }) => duration(seconds.rows * 1000)],
    ['indexes built', ({ seconds }) => duration(seconds.indexes * 1000)],
    ['write-ahead log of both', ({ wal }) => gigabytes(wal)],
    ['all tables and indexes', ({ tables }) => gigabytes(sum(tables, bytesOf))],
    ['VACUUM (ANALYZE)', ({ vacuum }) => shown(vacuum, duration)],
    ['`migrate`, nothing to do', (each) => shown(each.migrate, duration)],
    ['start to ready', ({ readyAfter }) => duration(readyAfter)],
    ['cold read, one after the other, p50 / p99', ({ alone }) => shown(alone, latency)],
    [
      'blocks found in the buffers of PostgreSQL',
      ({ alone }) => shown(alone, (each) => percent(each.inBuffers)),
    ],
    ['read from the disk for a cold read', ({ alone }) => shown(alone?.diskBytes ?? null, kilobytes)],
    [
      `cold reads, ${CONNECTIONS} at a time, a second`,
      ({ atOnce }) => shown(atOnce, (each) => whole(each.perSecond)),
    ],
    ['the same, p50 / p99', ({ atOnce }) => shown(atOnce, latency)],
    [
      `${whole(result.stormUsers)} refreshes at once, Google at ${GOOGLE_MS} ms`,
      ({ stormSeconds }) =>
        shown(stormSeconds, (each) => each.map((seconds) => `${seconds.toFixed(1)} s`).join(', ')),
    ],
    ['grants that expire, first page', ({ list }) => shown(list, (each) => ms(each.first))],
    ['the same, a deep page', ({ list }) => shown(list, (each) => `${ms(each.deep)} (page ${each.pages})`)],
    ['overview of the console, read', ({ overview }) => shown(overview, ms)],
    ['grants counted for it, before VACUUM', (each) => shown(each.countUnvacuumed, duration)],
    ['grants counted for it, after VACUUM', ({ count }) => shown(count, duration)],
    [
      'retention: half of the audit trail dropped',
      (each) => shown(each.retention, ({ auditTrail }) => duration(auditTrail)),
    ],
    [
      'retention: half of the outbox deleted',
      (each) => shown(each.retention, ({ outbox }) => duration(outbox)),
    ],
    [
      'retention: half of the connect tickets deleted',
      (each) => shown(each.retention, ({ tickets }) => duration(tickets)),
    ],
    [
      '`keys reseal`, few under the old key',
      (each) =>
        shown(each.reseal, ({ seconds, resealed }) => `${duration(seconds * 1000)} (${whole(resealed)})`),
    ],
    [
      '`keys reseal`, nothing to do',
      (each) => shown(each.resealAgain, ({ seconds }) => duration(seconds * 1000)),
    ],
  ];
  return [
    leftOut.length > 0
      ? `Not measured, because the disk is too small: ${leftOut.map(whole).join(', ')} users.\n\n`
      : '',
    table(
      ['users', ...sizes.map(({ grants }) => whole(grants))],
      lines.map(([name, show]) => [name, ...sizes.map(show)]),
    ),
    `\n\nBytes a user, of ${whole(most.grants)}; _grown_ is what the indexes take where they are not built after the rows, but grow with ` +
      `${whole(grown.grants)} rows in a random order:\n\n`,
    table(
      ['table', 'rows', 'indexes', 'indexes, grown'],
      most.tables.map((each) => [
        `\`${each.name}\``,
        whole(each.rows / most.grants),
        whole(each.indexes / most.grants),
        whole((grown.tables.find(({ name }) => name === each.name)?.indexes ?? 0) / grown.grants),
      ]),
    ),
  ].join('');
}

export function plots({ sizes }: Size): readonly Plot[] {
  const series = (
    label: string,
    tone: 'broker' | 'second' | 'node' | 'nest' | 'other',
    of: (sized: Sized) => number | null,
  ) => ({
    label,
    tone,
    values: sizes.map(of),
  });
  const reads = [
    series('alone, p50', 'broker', ({ alone }) => alone?.p50 ?? null),
    series('alone, p99', 'second', ({ alone }) => alone?.p99 ?? null),
    series(`${CONNECTIONS} at a time, p50`, 'nest', ({ atOnce }) => atOnce?.p50 ?? null),
    series(`${CONNECTIONS} at a time, p99`, 'other', ({ atOnce }) => atOnce?.p99 ?? null),
  ];
  const work = [
    series('list, first page', 'broker', ({ list }) => list?.first ?? null),
    series('overview, read', 'second', ({ overview }) => overview),
    series('start', 'node', ({ readyAfter }) => readyAfter),
    series('grants counted', 'nest', ({ count }) => count),
    series('reseal, nothing to do', 'other', (each) =>
      each.resealAgain ? each.resealAgain.seconds * 1000 : null,
    ),
  ];
  const grants = sizes.map((each) => each.grants);
  const drawn = (name: string, title: string, all: typeof reads): Plot[] => {
    const complete = all.flatMap(({ values, ...rest }) =>
      values.every((value) => value !== null) ? [{ ...rest, values }] : [],
    );
    return complete.length > 0 && grants.length > 1 ? [growthCurve(name, title, grants, complete)] : [];
  };
  return [
    ...drawn('size-reads', 'A token in no cache, by number of users', reads),
    ...drawn('size-work', 'Lists, jobs and commands, by number of users', work),
  ];
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n');
}

function shown<T>(value: T | null, show: (value: T) => string): string {
  return value === null ? FAILED : show(value);
}

const bytesOf = ({ rows: bytes, indexes }: Table) => bytes + indexes;
const sum = (tables: readonly Table[], of: (table: Table) => number) =>
  tables.reduce((all, each) => all + of(each), 0);
const latency = ({ p50, p99 }: { p50: number; p99: number }) => `${ms(p50)} / ${ms(p99)}`;
const percent = (share: number) => `${(share * 100).toFixed(0)} %`;
const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(bytes < 1e9 ? 2 : 1)} GB`;
