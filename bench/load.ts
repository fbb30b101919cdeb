/** Loads one URL: `connections` clients, each sending its next request as soon as it has a response. */
import { createHistogram } from 'node:perf_hooks';
import autocannon from 'autocannon';

export interface Load {
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export interface Target {
  readonly url: string;
  readonly key: string;
}

export async function load({ url, key }: Target, seconds: number, connections: number): Promise<Load> {
  const latencies = createHistogram();
  const { errors, timeouts, non2xx } = await new Promise<autocannon.Result>((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}` };
    const run = autocannon(
      { url, duration: seconds, connections, headers },
      (fault: Error | null, result) => {
        if (fault !== null) reject(fault);
        else resolve(result);
      },
    );
    // autocannon's own histogram counts whole milliseconds.
    run.on('response', (_client, _status, _bytes, ms) => {
      latencies.record(Math.max(1, Math.round(ms * 1000)));
    });
  });
  if (errors + timeouts + non2xx > 0)
    throw new Error(`${errors} errors, ${timeouts} timeouts and ${non2xx} refusals at ${url}.`);
  return {
    requestsPerSecond: latencies.count / seconds,
    p50: latencies.percentile(50) / 1000,
    p99: latencies.percentile(99) / 1000,
  };
}
