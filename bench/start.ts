/** How long from the start of a process to ready over an existing database, and its memory when idle. */
import { readFileSync } from 'node:fs';
import { median, withFleet } from './environment.js';

export interface Start {
  /** Milliseconds. */
  readonly readyAfterMs: number;
  /** Megabytes of resident memory, some seconds after the start. */
  readonly idleMegabytes: number;
}

export function measureStart(databaseUrl: string): Promise<Start> {
  return withFleet(databaseUrl, 1, {}, async ({ fleet }) => {
    const starts: number[] = [];
    const weights: number[] = [];
    for (let round = 0; round < 5; round++) {
      const replica = await fleet.add();
      starts.push(replica.readyAfterMs);
      await new Promise((resolve) => setTimeout(resolve, 3000));
      weights.push(residentMegabytes(replica.process.pid ?? 0));
      await replica.end('SIGTERM');
    }
    return { readyAfterMs: median(starts), idleMegabytes: median(weights) };
  });
}

function residentMegabytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}
