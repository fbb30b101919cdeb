/**
 * Loads servers in turn: `CONNECTIONS` clients, each sending its next request as soon as it has a response. Owns the load
 * generator and the medians; what is loaded, and what the figures mean, is the measure's.
 */
import { createHistogram } from 'node:perf_hooks';
import autocannon from 'autocannon';
import { median } from './environment.js';
import type { Effort } from './measure.js';
import { processorSeconds } from './processes.js';

export const CONNECTIONS = 32;
export const PERCENTILES = [50, 75, 90, 95, 99, 99.5, 99.9] as const;

export interface Target {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: 'GET' | 'POST';
  readonly body?: string;
  /** Each connection has its share of these and goes through it again and again. */
  readonly paths?: readonly string[];
  /** What every response must have. 200 where it is left out. */
  readonly status?: number;
  /** The process whose processor time counts. */
  readonly pid?: number | undefined;
}

export interface Load {
  readonly requestsPerSecond: number;
  /** Milliseconds, at each of PERCENTILES. */
  readonly latencies: readonly number[];
  /** Processor time of the server for a request; null where it is unknown. */
  readonly processorMicroseconds: number | null;
  /** Processor time of the load generator: at 1 it is itself the limit. */
  readonly generatorCores: number;
}

export type Round<Name extends string> = Readonly<Record<Name, Load>>;

export const p50 = ({ latencies }: Load): number => latencies[0] ?? Number.NaN;
export const p99 = ({ latencies }: Load): number => latencies[PERCENTILES.indexOf(99)] ?? Number.NaN;

/** Each round loads each target once; another one begins each round, so that none always comes after the same. */
export async function interleave<Name extends string>(
  targets: Readonly<Record<Name, Target>>,
  { rounds, seconds, warmUpSeconds }: Effort,
): Promise<Round<Name>[]> {
  const names = Object.keys(targets) as Name[];
  for (const name of names) await load(targets[name], warmUpSeconds);
  const measured: Round<Name>[] = [];
  for (let round = 0; round < rounds; round++) {
    const order = names.map((_, index) => names[(index + round) % names.length] as Name);
    const loads: [Name, Load][] = [];
    for (const name of order) loads.push([name, await load(targets[name], seconds)]);
    measured.push(Object.fromEntries(loads) as Round<Name>);
  }
  return measured;
}

/** The medians of all rounds. */
export function middle<Name extends string>(rounds: readonly Round<Name>[], name: Name): Load {
  const loads = rounds.map((round) => round[name]);
  const micros = loads.flatMap(({ processorMicroseconds }) => processorMicroseconds ?? []);
  return {
    requestsPerSecond: median(loads.map(({ requestsPerSecond }) => requestsPerSecond)),
    latencies: PERCENTILES.map((_, index) => median(loads.map(({ latencies }) => latencies[index] ?? 0))),
    processorMicroseconds: micros.length === 0 ? null : median(micros),
    generatorCores: median(loads.map(({ generatorCores }) => generatorCores)),
  };
}

/** The median of the ratios within a round: what is measured close in time shares the other load of the machine. */
export function share<Name extends string>(
  rounds: readonly Round<Name>[],
  of: Name,
  to: Name,
  figure: (load: Load) => number = ({ requestsPerSecond }) => requestsPerSecond,
): number {
  return median(rounds.map((round) => figure(round[of]) / figure(round[to])));
}

async function load(target: Target, seconds: number): Promise<Load> {
  const { url, headers = {}, method = 'GET', body = '', paths, status: expected = 200, pid } = target;
  const latencies = createHistogram();
  const before = { own: process.cpuUsage(), server: pid === undefined ? null : processorSeconds(pid) };
  let unexpected = 0;
  let connection = 0;
  const { errors, timeouts, duration } = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(
      {
        url,
        duration: seconds,
        connections: CONNECTIONS,
        method,
        headers,
        body,
        setupClient: (client) => {
          const first = connection++;
          const own = paths?.filter((_, index) => index % CONNECTIONS === first % CONNECTIONS);
          if (own) client.setRequests(own.map((path) => ({ path })));
        },
      },
      (fault: Error | null, result) => {
        if (fault !== null) reject(fault);
        else resolve(result);
      },
    );
    // autocannon's own histogram counts whole milliseconds.
    run.on('response', (_client, status, _bytes, ms) => {
      latencies.record(Math.max(1, Math.round(ms * 1000)));
      if (status !== expected) unexpected++;
    });
  });
  if (errors + timeouts + unexpected > 0)
    throw new Error(`${errors} errors, ${timeouts} timeouts, ${unexpected} not ${expected} at ${url}.`);
  const { user, system } = process.cpuUsage(before.own);
  const server = pid === undefined ? null : processorSeconds(pid);
  return {
    requestsPerSecond: latencies.count / duration,
    latencies: PERCENTILES.map((each) => latencies.percentile(each) / 1000),
    processorMicroseconds:
      server === null || before.server === null ? null : ((server - before.server) * 1e6) / latencies.count,
    generatorCores: (user + system) / 1e6 / duration,
  };
}
