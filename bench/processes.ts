/** Processes that are measured: servers to compare with, started and ended here; processor time and memory of any. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { NODE_FLAGS } from '../sandbox/fleet/fleet.js';
import { LeftOut } from './measure.js';

/** What Linux counts processor time in, on every architecture (proc(5): sysconf(_SC_CLK_TCK)). */
const TICKS_PER_SECOND = 100;

export interface Server<Report> {
  readonly pid: number;
  /** What it sent once it listened. */
  readonly report: Report;
  /** Milliseconds from the start of the process. */
  readonly readyAfterMs: number;
  end(): Promise<void>;
}

/** A Node.js server that listens on a port of its choice and sends a message with it, with the flags of the broker. */
export async function startServer<Report extends { port: number } = { port: number }>(
  path: string,
  env: Readonly<Record<string, string>>,
): Promise<Server<Report>> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...NODE_FLAGS, path], {
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exit = once(child, 'exit');
  const ended = exit.then(([code]) => {
    throw new Error(`${path} ended before it listened (exit code ${String(code)}).`);
  });
  const [report] = (await Promise.race([once(child, 'message'), ended])) as [Report];
  ended.catch(() => undefined);
  return {
    pid: child.pid ?? 0,
    report,
    readyAfterMs: performance.now() - startedAt,
    end: async () => {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** User and system time so far, that of its children included. @returns null where there is no /proc */
export function processorSeconds(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name, which may hold spaces; utime and stime are the 14th and 15th (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const own = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean),
    );
    return children.reduce((sum, child) => sum + (processorSeconds(Number(child)) ?? 0), own);
  } catch {
    return null;
  }
}

export function residentMegabytes(pid: number): number {
  assertProc();
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

/** @throws {LeftOut} */
export function assertProc(): void {
  if (processorSeconds(process.pid) === null) throw new LeftOut('it needs /proc, which Linux has');
}
