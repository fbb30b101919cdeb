/** The results beside the page, so that a run of one measure changes its section only: docs/performance.json. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { format, type FormatConfig } from 'oxfmt';
import type { Measure } from '../measure.js';
import { type Machine, page, plotsOf, type Results } from './page.js';

/** Of another form of the file: a run of all measures begins again. */
const VERSION = 2;
const NAME = 'performance';
/** The text comes with line breaks of the sources. */
const PROSE = { proseWrap: 'always', printWidth: 120 } as const;

export function readResults(folder: string): Results {
  const path = join(folder, `${NAME}.json`);
  if (!existsSync(path)) return {};
  const { version, measures } = JSON.parse(readFileSync(path, 'utf8')) as {
    version?: number;
    measures: Results;
  };
  return version === VERSION ? measures : {};
}

/** The page, its plots and the results, all from the results. */
export async function writeResults(
  folder: string,
  results: Results,
  measures: readonly Measure<unknown>[],
): Promise<void> {
  const plots = join(folder, NAME);
  rmSync(plots, { recursive: true, force: true });
  mkdirSync(plots, { recursive: true });
  for (const { name, svg } of plotsOf(results, measures)) writeFileSync(join(plots, `${name}.svg`), svg);
  // In the order of the page, whatever the order of the runs.
  const known = Object.fromEntries(
    measures.flatMap(({ name }) => (results[name] ? [[name, results[name]]] : [])),
  );
  const json = JSON.stringify({ version: VERSION, measures: known });
  writeFileSync(join(folder, `${NAME}.json`), await formatted(`${NAME}.json`, json));
  writeFileSync(join(folder, `${NAME}.md`), await formatted(`${NAME}.md`, page(results, measures), PROSE));
}

async function formatted(name: string, text: string, style: FormatConfig = {}): Promise<string> {
  const { code, errors } = await format(name, text, style);
  const [error] = errors;
  if (error) throw new Error(`${name}: ${error.message}`);
  return code;
}

export function thisMachine(): Machine {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    gigabytes: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${arch()}`,
    node: process.version,
  };
}
