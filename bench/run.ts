/**
 * `npm run bench`: every measure of docs/performance.md in one run on this machine. Writes the table, the plot and
 * the raw figures there. Says for each goal whether it was reached; never fails, since timings depend on the machine.
 */
import { writeFileSync } from 'node:fs';
import { arch, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { measureCold, measureExpired, measureSizes } from './cold.js';
import { measureDead, measureDisconnects, measureHerd, measureStorm } from './crowds.js';
import { withPostgres } from './environment.js';
import { plot, report, type Results } from './report.js';
import { measureStart } from './start.js';
import { measureWarm } from './warm.js';

const SIZES = [1000, 100_000, 1_000_000];
const DOCS = join(import.meta.dirname, '../../docs/performance');

const results = await withPostgres(async (url): Promise<Results> => {
  const step = async <T>(name: string, measure: (url: string) => Promise<T>): Promise<T> => {
    const start = performance.now();
    const measured = await measure(url);
    process.stderr.write(`${name}: ${((performance.now() - start) / 1000).toFixed(0)} s\n`);
    return measured;
  };
  return {
    machine: {
      processor: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      gigabytes: Math.round(totalmem() / 2 ** 30),
      platform: `${process.platform} ${arch()}`,
      node: process.version,
      date: new Date().toISOString().slice(0, 10),
    },
    warm: await step('warm', measureWarm),
    cold: await step('cold', measureCold),
    expired: await step('expired', measureExpired),
    herd: await step('herd', measureHerd),
    storm: await step('storm', measureStorm),
    disconnects: await step('disconnects', measureDisconnects),
    dead: await step('dead', measureDead),
    sizes: await step('sizes', (each) => measureSizes(each, SIZES)),
    start: await step('start', measureStart),
  };
});

const page = await format(report(results), { ...(await resolveConfig(DOCS)), parser: 'markdown' });
writeFileSync(`${DOCS}.json`, await format(JSON.stringify(results), { parser: 'json' }));
writeFileSync(`${DOCS}.svg`, plot(results));
writeFileSync(`${DOCS}.md`, page);
process.stdout.write(page);
