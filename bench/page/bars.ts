/** Throughput as horizontal bars: the median as a bar, each round as a dot, so that one sees how far the rounds lie apart. */
import { middle, type Round } from '../load.js';
import { ms, type Plot, whole } from '../measure.js';
import { p99 } from '../load.js';
import { at, frame, text, type Tone, WIDTH } from './frame.js';

export interface Bar<Name extends string> {
  readonly who: Name;
  readonly label: string;
  readonly tone: Tone;
}

const LEFT = 216;
const RIGHT = WIDTH - 178;
const TOP = 72;
const ROW = 42;

export function bars<Name extends string>(
  name: string,
  title: string,
  rounds: readonly Round<Name>[],
  shown: readonly Bar<Name>[],
): Plot {
  const figures = shown.map((bar) => ({
    ...bar,
    load: middle(rounds, bar.who),
    each: rounds.map((round) => round[bar.who].requestsPerSecond),
  }));
  const most = Math.max(...figures.flatMap(({ each, load }) => [...each, load.requestsPerSecond]));
  const x = (value: number) => LEFT + (value / most) * (RIGHT - LEFT);
  const rows = figures.flatMap(({ label, tone, load, each }, row) => {
    const y = TOP + row * ROW;
    return [
      text(LEFT - 12, y + 19, label, tone === 'broker' ? 'strong' : '', 'end'),
      `<rect class="bar ${tone}" x="${LEFT}" y="${y}" width="${at(x(load.requestsPerSecond) - LEFT)}" height="28" rx="3"/>`,
      ...each.map((value) => `<circle class="dot" cx="${at(x(value))}" cy="${y + 14}" r="3"/>`),
      text(RIGHT + 14, y + 13, `${whole(load.requestsPerSecond)}/s`, 'strong'),
      text(RIGHT + 14, y + 28, `p99 ${ms(p99(load))}${processor(load.processorMicroseconds)}`, 'quiet'),
    ];
  });
  const heading = `${title}: requests a second`;
  const svg = frame(heading, note(rounds.length), TOP + shown.length * ROW + 14, rows);
  const alt = `${heading}. ${figures.map(({ label, load }) => `${label}: ${whole(load.requestsPerSecond)}`).join('; ')}.`;
  return { name, alt, svg };
}

function note(rounds: number): string {
  return `Median of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}; each round is a dot. µs: processor time of the server a request.`;
}

function processor(microseconds: number | null): string {
  return microseconds === null ? '' : ` · ${whole(microseconds)} µs`;
}
