/** Renders docs/performance.md: a table of all goals, then a section for each measure. The measures bring their own text. */
import { FULL, type Measure, type Plot, type Row } from '../measure.js';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly gigabytes: number;
  readonly platform: string;
  readonly node: string;
}

/** One measure: where, when and how it was taken, and what came out. */
export type Taken = {
  readonly date: string;
  readonly machine: Machine;
} & ({ readonly result: unknown } | { readonly leftOut: string });

/** By the measure's name. */
export type Results = Readonly<Record<string, Taken>>;

interface Section {
  readonly measure: Measure<unknown>;
  /** Undefined where it was never taken. */
  readonly taken: Taken | undefined;
  readonly rows: readonly Row[];
}

export function page(results: Results, measures: readonly Measure<unknown>[]): string {
  const sections = measures.map((measure) => toSection(measure, results[measure.name]));
  const goals = sections.flatMap(({ rows }) => rows.flatMap(({ goal }) => goal ?? []));
  const reached = goals.filter(({ isReached }) => isReached).length;
  return `# Performance

Written by \`npm run bench\`${lastRun(newest(results))}. The load generator, PostgreSQL and the stand-in for Google share the cores with
what is measured, so compare figures with each other, not with another machine's: where a figure has a counterpart, both were taken in turn in the same
run, ${FULL.rounds} rounds of ${FULL.seconds} seconds each, and the ratio is the median of the ratios within a round. ${reached} of ${goals.length} goals are reached. Raw figures:
[performance.json](performance.json).

| measure | measured | goal | reached |
| --- | --- | --- | --- |
${sections.flatMap(lines).join('\n')}

\`npm run bench -- warm\` takes one measure and updates its section and its rows only; \`npm run bench -- --list\` names all of them.

${sections.map((each) => section(each, newest(results))).join('\n\n')}
`;
}

export function plotsOf(results: Results, measures: readonly Measure<unknown>[]): Plot[] {
  return measures.flatMap((measure) => {
    const taken = results[measure.name];
    return taken && 'result' in taken ? (measure.plots?.(taken.result) ?? []) : [];
  });
}

/** For a terminal: what a run measured. */
export function summary(results: Results, measures: readonly Measure<unknown>[]): string {
  return measures
    .map((measure) => toSection(measure, results[measure.name]))
    .filter(({ taken }) => taken !== undefined)
    .flatMap(({ measure, taken, rows }) =>
      taken && 'leftOut' in taken
        ? [`${measure.name}: left out, because ${taken.leftOut}`]
        : rows.map(
            ({ measure: what, measured, goal }) =>
              `${measure.name}: ${what}: ${measured}${goal ? ` (goal ${goal.text}: ${goal.isReached ? 'reached' : 'not reached'})` : ''}`,
          ),
    )
    .join('\n');
}

function toSection(measure: Measure<unknown>, taken: Taken | undefined): Section {
  return { measure, taken, rows: taken && 'result' in taken ? measure.rows(taken.result) : [] };
}

function lines({ measure, taken, rows }: Section): string[] {
  const link = (text: string) => `[${text}](#${anchor(measure.title)})`;
  if (taken === undefined) return [`| ${link(measure.title)} | not measured yet | | |`];
  if ('leftOut' in taken) return [`| ${link(measure.title)} | left out: ${taken.leftOut} | | |`];
  return rows.map(({ measure: what, measured, goal }, index) => {
    const reached = goal === null ? '' : goal.isReached ? 'yes' : '**no**';
    return `| ${index === 0 ? link(what) : what} | ${measured} | ${goal?.text ?? ''} | ${reached} |`;
  });
}

function section({ measure, taken }: Section, last: Taken | undefined): string {
  const { name, title, explanation } = measure;
  const parts = [`## ${title}`, explanation];
  if (taken && 'leftOut' in taken) parts.push(`Left out: ${taken.leftOut}.`);
  if (taken && 'result' in taken) {
    if (measure.notes) parts.push(measure.notes(taken.result));
    for (const plot of measure.plots?.(taken.result) ?? [])
      parts.push(`![${plot.alt}](performance/${plot.name}.svg)`);
  }
  const machine = taken && last ? describe(taken.machine) : '';
  const elsewhere = last && machine !== describe(last.machine) ? machine : '';
  parts.push(`_${[`\`npm run bench -- ${name}\``, taken?.date, elsewhere].filter(Boolean).join(', ')}_`);
  return parts.join('\n\n');
}

function newest(results: Results): Taken | undefined {
  return Object.values(results).toSorted((a, b) => b.date.localeCompare(a.date))[0];
}

function lastRun(last: Taken | undefined): string {
  return last ? `, last on ${last.date}: ${describe(last.machine)}` : '';
}

function describe({ processor, cores, gigabytes, platform, node }: Machine): string {
  return `${cores} cores (${processor}), ${gigabytes} GB, ${platform}, Node ${node.slice(1)}, PostgreSQL 18 on the same machine`;
}

/** As GitHub makes it of a heading. */
function anchor(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}
