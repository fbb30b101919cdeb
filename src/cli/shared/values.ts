/** Values of options: times, counts, durations. Each throws what Commander shows as wrong usage. */
import { InvalidArgumentError } from 'commander';

const UNITS: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 24 * 3600 };

/** A time, a day, or how long ago: `2026-11-21T12:00:00Z`, `2026-11-21`, `24h`. */
export function time(value: string): Date {
  if (/^\d{1,5}[mhd]$/.test(value)) return new Date(Date.now() - seconds(value) * 1000);
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(value);
  const read = new Date(value);
  if (isTime && !Number.isNaN(read.getTime())) return read;
  throw new InvalidArgumentError(
    'It must be a time such as 2026-11-21T12:00:00Z, a day, or how long ago: 24h, 7d.',
  );
}

/** A duration such as `90m`, `12h` or `7d`, in seconds. */
export function seconds(value: string): number {
  const [, amount = '', unit = ''] = /^(\d{1,5})([mhd])$/.exec(value) ?? [];
  const factor = UNITS[unit];
  if (factor === undefined) throw new InvalidArgumentError('It must be a duration such as 90m, 12h or 7d.');
  return Number(amount) * factor;
}

export function count(value: string): number {
  if (!/^[1-9]\d{0,6}$/.test(value)) throw new InvalidArgumentError('It must be a whole number, 1 or more.');
  return Number(value);
}

export function day(at: Date): string {
  return at.toISOString().slice(0, 10);
}

/** To the second. */
export function moment(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`;
}
