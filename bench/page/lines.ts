/** Latencies as lines over a logarithmic axis: by percentile (how long the slowest wait), or by size (what growth costs). */
import { middle, PERCENTILES, type Round } from '../load.js';
import { duration, type Plot } from '../measure.js';
import type { Bar } from './bars.js';
import { at, frame, text, type Tone, WIDTH } from './frame.js';

export interface Series {
  readonly label: string;
  readonly tone: Tone;
  /** Milliseconds, one for each tick. */
  readonly values: readonly number[];
  readonly isDashed?: boolean;
}

const [LEFT, RIGHT, TOP, BOTTOM] = [72, WIDTH - 250, 76, 300];
/** Two names at the end of their lines are not printed over each other. */
const NAME_HEIGHT = 17;

/** From the median to the slowest in a thousand. Each percentile is as far right as it is rare. */
export function latencyCurve<Name extends string>(
  name: string,
  title: string,
  rounds: readonly Round<Name>[],
  shown: readonly Bar<Name>[],
): Plot {
  const ticks = PERCENTILES.filter((each) => ![75, 99.5].includes(each)).map((each) => ({
    label: `p${each}`,
    x: rarity(each),
  }));
  const series = shown.map(({ who, label, tone }) => ({
    label,
    tone,
    values: middle(rounds, who).latencies,
  }));
  return lines(name, `${title}: latency, p50 to p99.9`, PERCENTILES.map(rarity), ticks, series);
}

/** @param sizes on a logarithmic axis as well */
export function growthCurve(
  name: string,
  title: string,
  sizes: readonly number[],
  series: readonly Series[],
): Plot {
  const exponents = sizes.map(Math.log10);
  const [first = 0, last = 1] = [exponents[0], exponents.at(-1)];
  const xs = exponents.map((exponent) => (exponent - first) / (last - first));
  const ticks = sizes.map((size, index) => ({ label: size.toLocaleString('en-US'), x: xs[index] ?? 0 }));
  return lines(name, title, xs, ticks, series);
}

/** 0 for p50, 1 for p99.9. */
function rarity(percentile: number): number {
  return Math.log10(50 / (100 - percentile)) / Math.log10(500);
}

function lines(
  name: string,
  title: string,
  xs: readonly number[],
  ticks: readonly { readonly label: string; readonly x: number }[],
  series: readonly Series[],
): Plot {
  const all = series.flatMap(({ values }) => values);
  const range = [Math.min(...all) / 1.15, Math.max(...all) * 1.15].map(Math.log10) as [number, number];
  const x = (share: number) => LEFT + share * (RIGHT - LEFT);
  const y = (value: number) =>
    BOTTOM - ((Math.log10(value) - range[0]) / (range[1] - range[0])) * (BOTTOM - TOP);
  const names = apart(series.map(({ values }) => y(values.at(-1) ?? 1)));
  const drawn = [
    ...steps(range).flatMap((value) => [
      `<line class="line" x1="${LEFT}" x2="${RIGHT}" y1="${at(y(value))}" y2="${at(y(value))}"/>`,
      text(LEFT - 10, y(value) + 4, value < 1000 ? `${value} ms` : `${value / 1000} s`, 'quiet', 'end'),
    ]),
    ...ticks.map((tick) => text(x(tick.x), BOTTOM + 22, tick.label, 'quiet', 'middle')),
    ...series.flatMap(({ label, tone, values, isDashed }, index) => [
      `<polyline class="curve ${tone}"${isDashed ? ' stroke-dasharray="6 5"' : ''} points="${values
        .map((value, point) => `${at(x(xs[point] ?? 0))},${at(y(value))}`)
        .join(' ')}"/>`,
      ...values.map(
        (value, point) =>
          `<circle class="point ${tone}" cx="${at(x(xs[point] ?? 0))}" cy="${at(y(value))}" r="3.5"/>`,
      ),
      text(RIGHT + 14, (names[index] ?? 0) + 4, `${label}, ${duration(values.at(-1) ?? 0)}`, 'strong'),
    ]),
  ];
  const svg = frame(title, 'On a logarithmic axis; lower is better.', BOTTOM + 40, drawn);
  const alt = `${title}. ${series.map((each) => `${each.label}: ${each.values.map(duration).join(', ')}`).join('; ')}.`;
  return { name, alt, svg };
}

/** 1, 2 and 5 of each power of ten within the range. */
function steps([least, most]: readonly [number, number]): number[] {
  const powers = Array.from(
    { length: Math.ceil(most) - Math.floor(least) + 1 },
    (_, index) => index + Math.floor(least),
  );
  return powers
    .flatMap((power) => [1, 2, 5].map((digit) => Number((digit * 10 ** power).toPrecision(1))))
    .filter((value) => Math.log10(value) >= least && Math.log10(value) <= most);
}

/** The same heights, moved down where two are too close. */
function apart(heights: readonly number[]): number[] {
  const moved = [...heights];
  let free = 0;
  for (const [index, height] of [...heights.entries()].sort(([, a], [, b]) => a - b)) {
    moved[index] = Math.max(height, free);
    free = moved[index] + NAME_HEIGHT;
  }
  return moved;
}
