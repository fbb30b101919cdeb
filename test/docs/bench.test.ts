/** `npm run bench`: the page that it writes, the runs of a part, and one measure for real, small. No figure decides a test. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { XMLParser } from 'fast-xml-parser';
import { type Load, PERCENTILES } from '../../bench/load.js';
import { MEASURES } from '../../bench/measures.js';
import type { Results, Taken } from '../../bench/page/page.js';
import { readResults, writeResults } from '../../bench/page/results.js';
import type { Sized } from '../../bench/size/result.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'token-broker-bench-test-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const MACHINE = { processor: 'Example', cores: 2, gigabytes: 8, platform: 'linux x64', node: 'v24.0.0' };
const load = (requestsPerSecond: number, p50: number): Load => ({
  requestsPerSecond,
  latencies: PERCENTILES.map((_, index) => p50 * (index + 1)),
  processorMicroseconds: 50,
  generatorCores: 0.5,
});
const rounds = (loads: Readonly<Record<string, Load>>) => ({ rounds: [loads, loads, loads] });
const taken = (result: unknown, more: object = {}): Taken => ({
  date: '2026-11-27',
  machine: MACHINE,
  result,
  ...more,
});
const TABLES = [{ name: 'grants', rows: 1_000_000, indexes: 500_000 }];
const sized = (grants: number, p50: number): Sized => ({
  grants,
  seconds: { rows: 1, indexes: 2 },
  wal: 3e6,
  tables: TABLES,
  vacuum: 100,
  countUnvacuumed: null,
  count: 20,
  overview: 1,
  retention: { auditTrail: 10, outbox: 20, tickets: 30 },
  migrate: 40,
  readyAfter: 700,
  alone: { p50, p99: 4 * p50, perSecond: 500, inBuffers: 0.9, diskBytes: 8192 },
  atOnce: { p50: 5 * p50, p99: 20 * p50, perSecond: 3000, inBuffers: 0.9, diskBytes: null },
  stormSeconds: [4.4, 4.2],
  list: { first: 5, deep: 6, pages: 100 },
  reseal: { seconds: 9, resealed: 18_600 },
  resealAgain: { seconds: 200, resealed: 0 },
});
const LOADS = { broker: load(16_000, 2), http: load(20_000, 1), nest: load(10_000, 3) };
const RESULTS: Results = {
  warm: taken({ ...rounds(LOADS), bodyBytes: 453, headers: 10 }),
  'better-auth': taken(rounds({ broker: load(16_000, 2), betterAuth: load(400, 80) })),
  growth: taken([
    { grants: 1000, p50: 2, p99: 8 },
    { grants: 1_000_000, p50: 3, p99: 9 },
  ]),
  size: taken({
    sizes: [sized(1000, 2), sized(1_000_000, 3)],
    grown: { grants: 1000, tables: TABLES },
    leftOut: [10_000_000],
    stormUsers: 2000,
  }),
  workers: { date: '2026-11-27', machine: MACHINE, leftOut: 'there is no such setting' },
};

const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const write = (results: Results) => writeResults(folder, results, MEASURES);
/** By its heading. */
const sections = () =>
  new Map(
    read('performance.md')
      .split(/^## /m)
      .map((text) => [text.split('\n')[0], text]),
  );
const bench = (...args: string[]) =>
  spawnSync(process.execPath, ['dist/bench/run.js', ...args], { encoding: 'utf8' });

test('the page has a row for each goal with the ratio, and whether it is reached', async () => {
  await write(RESULTS);
  const page = read('performance.md').replaceAll(/\s+/g, ' ');
  expect(page).toContain('16,000 against 20,000: 0.80 | ≥ 0.72 | yes |');
  expect(page).toContain('16,000 against 10,000: 1.60 | ≥ 1.7 | **no** |');
  expect(page).toContain('16,000 against 400: 40.0 times | ≥ 45 | **no** |');
  expect(page).toContain('6 of 10 goals are reached');
});

test('the page says what was left out and why, and what was not measured yet', async () => {
  await write(RESULTS);
  const page = read('performance.md').replaceAll(/\s+/g, ' ');
  expect(page).toContain(
    '[Two processes on one port](#two-processes-on-one-port) | left out: there is no such setting |',
  );
  expect(page).toContain('[Start and memory](#start-and-memory) | not measured yet |');
});

test('the page has a table of all sizes, what a step that failed left out, and which sizes do not fit on the disk', async () => {
  await write(RESULTS);
  const section = sections().get('Ten million users')?.replaceAll(/\s+/g, ' ') ?? '';
  expect(section).toContain('| users | 1,000 | 1,000,000 |');
  expect(section).toContain('| grants counted for it, before VACUUM | failed | failed |');
  expect(section).toContain('because the disk is too small: 10,000,000 users.');
  expect(section).toContain('performance/size-reads.svg');
});

test('each measure has a section that names its command', async () => {
  await write({});
  const page = read('performance.md');
  for (const { name, title } of MEASURES) {
    expect(page).toContain(`\n## ${title}\n`);
    expect(page).toContain(`\`npm run bench -- ${name}\``);
  }
  expect(new Set(MEASURES.map(({ name }) => name)).size).toBe(MEASURES.length);
});

test('every plot that the page shows is a well-formed SVG, and there is no other', async () => {
  await write(RESULTS);
  const shown = [...read('performance.md').matchAll(/\]\(performance\/([\w-]+\.svg)\)/g)].map(
    ([, name = '']) => name,
  );
  expect(shown.sort()).toEqual(readdirSync(join(folder, 'performance')).sort());
  expect(shown).toContain('growth.svg');
  const parser = new XMLParser();
  for (const name of shown) {
    const svg = read(`performance/${name}`);
    // Behind an element that is not closed, or a `<` in a text, there would be no text at this depth.
    const root = parser.parse(svg) as { svg: { text: unknown[] } };
    expect(root.svg.text).toHaveLength(svg.match(/<text /g)?.length ?? 0);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(svg).toContain('prefers-color-scheme: dark');
  }
});

test('a new result of one measure changes its section and its rows, and nothing else', async () => {
  await write(RESULTS);
  const before = sections();
  const slower = { ...LOADS, broker: load(9000, 4) };
  await write({ ...readResults(folder), warm: taken({ ...rounds(slower), bodyBytes: 500, headers: 10 }) });
  const after = sections();
  expect(readResults(folder)['growth']).toEqual(RESULTS['growth']);
  const changed = [...after].filter(([title, text]) => before.get(title) !== text).map(([title]) => title);
  expect(changed).toEqual(['# Performance', 'A warm token']);
});

test('a result from another machine names it in its section', async () => {
  await write({ ...RESULTS, growth: taken([], { date: '2026-01-01', machine: { ...MACHINE, cores: 64 } }) });
  expect(sections().get('Growth')).toContain('64 cores');
  expect(sections().get('A warm token')).not.toContain('2 cores');
});

test('results of another form of the file are not read', async () => {
  await write(RESULTS);
  expect(readResults(folder)).toEqual(RESULTS);
  const other = read('performance.json').replace('"version": 2', '"version": 3');
  writeFileSync(join(folder, 'performance.json'), other);
  expect(readResults(folder)).toEqual({});
});

test('--list names every measure, and a measure that does not exist is refused', () => {
  const { stdout, status } = bench('--list');
  expect(status).toBe(0);
  for (const { name } of MEASURES) expect(stdout).toMatch(new RegExp(`^${name} `, 'm'));
  const refused = bench('warmth');
  expect(refused.status).toBe(2);
  expect(refused.stderr).toContain('There is no measure warmth');
});

test('a measure that takes hours is taken only where it is named, with the sizes that are asked for', () => {
  const { stdout, stderr, status } = bench('--quick', 'size', '--grants', '600,1200');
  if (status !== 0) throw new Error(stderr);
  expect(stderr).not.toContain('failed');
  expect(stdout).toContain('size: token in no cache, 1,200 users against 600, p50: ');
  expect(stdout).toContain('size: the grants of 1,200 users counted for the console: ');
  expect(bench('--list').stdout).toMatch(/^size .*only where it is named/m);
  const refused = bench('size', '--grants', '1e3,many');
  expect(refused.status).toBe(2);
  expect(refused.stderr).toContain('--grants takes whole numbers');
});

test('a quick run takes the measure that is named, and does not write docs/', () => {
  const docs = readFileSync('docs/performance.md', 'utf8');
  const { stdout, stderr, status } = bench('--quick', 'dead-grant');
  if (status !== 0) throw new Error(stderr);
  expect(stdout).toBe('dead-grant: 500 calls on a dead grant, requests at Google: 0 (goal 0: reached)\n');
  expect(readFileSync('docs/performance.md', 'utf8')).toBe(docs);
});
