/**
 * `npm run bench`: takes the measures, all or those that are named, and writes docs/performance.md, its plots and its figures.
 * Says for each goal whether it was reached, and never fails for one: timings depend on the machine.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { withPostgres } from './environment.js';
import { FULL, LeftOut, type Measure, QUICK } from './measure.js';
import { MEASURES } from './measures.js';
import { type Results, summary } from './page/page.js';
import { readResults, thisMachine, writeResults } from './page/results.js';

const DOCS = join(import.meta.dirname, '../../docs');
const USAGE = `npm run bench -- [options] [measure ...]

Without a measure: all of them but those that take hours. Writes docs/performance.md; a run of one measure changes its section only.

  --list         names the measures
  --quick        a small part of each, which shows that it works; its figures mean nothing, and are not written to docs/
  --into FOLDER  writes performance.md there instead
  --grants LIST  how many grants there are in the measure of size, as in 10000,1000000
  --citus URL    a database at the coordinator of a Citus cluster, as a superuser, for the measure of distributed tables
`;

const { wanted, options, grants } = readArguments();
if (options.help) process.stdout.write(USAGE);
else if (options.list) {
  for (const { name, title, isLong } of MEASURES)
    console.log(`${name.padEnd(20)}${title}${isLong ? ' (only where it is named)' : ''}`);
} else await run(wanted);

async function run(measures: readonly Measure<unknown>[]): Promise<void> {
  const folder = options.into ?? (options.quick ? null : DOCS);
  if (folder !== null) mkdirSync(folder, { recursive: true });
  let results: Results = folder === null ? {} : readResults(folder);
  await withPostgres(async (url) => {
    for (const measure of measures) {
      const startedAt = performance.now();
      const taken = await take(measure, url);
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
      console.error(`${measure.name}: ${taken ? '' : 'failed after '}${seconds} s`);
      if (!taken) continue;
      results = { ...results, [measure.name]: taken };
      // After each one: a run that is ended early keeps what it has.
      if (folder !== null) await writeResults(folder, results, MEASURES);
    }
  });
  console.log(summary(results, measures));
  // Connections to brokers that were stopped are still open.
  process.exit();
}

/** @returns null when it failed: its result from before stays */
async function take(measure: Measure<unknown>, url: string) {
  const effort = {
    ...(options.quick ? QUICK : FULL),
    ...(grants ? { grants } : {}),
    citus: options.citus ?? null,
  };
  const about = { date: new Date().toISOString().slice(0, 10), machine: thisMachine() };
  try {
    return { ...about, result: await measure.take(url, effort) };
  } catch (error) {
    if (error instanceof LeftOut) return { ...about, leftOut: error.message };
    console.error(error);
    process.exitCode = 1;
    return null;
  }
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        help: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        into: { type: 'string' },
        grants: { type: 'string' },
        citus: { type: 'string' },
      },
    });
    const unknown = positionals.filter((name) => !MEASURES.some((measure) => measure.name === name));
    if (unknown.length > 0)
      throw new Error(`There is no measure ${unknown.join(', ')}; --list names all of them.`);
    const named = MEASURES.filter(({ name }) => positionals.includes(name));
    const wanted = named.length > 0 ? named : MEASURES.filter(({ isLong }) => !isLong);
    return { wanted, options: values, grants: values.grants === undefined ? null : sizesOf(values.grants) };
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

function sizesOf(list: string): number[] {
  const sizes = list.split(',').map(Number);
  if (sizes.some((each) => !Number.isInteger(each) || each < 1))
    throw new Error('--grants takes whole numbers with commas between them.');
  return sizes;
}
