/** What a supervisor and its workers agree on: the messages between them, the number of a worker, signals, and time to stop. */
import type { MetricObjectWithValues, MetricValue } from 'prom-client';

/** The environment variable that makes a process a worker: its number. Only the supervisor sets it. */
export const WORKER_VARIABLE = 'TOKEN_BROKER_WORKER';

/** A database that does not answer must not delay the exit: orchestrators commonly send SIGKILL after 10 seconds. */
export const MAX_SHUTDOWN_MS = 9_500;

export type MetricsSnapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

export type FromWorker =
  /** It listens. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'snapshot'; readonly id: number; readonly metrics: MetricsSnapshot }
  /** It was asked for /metrics. */
  | { readonly kind: 'metrics'; readonly id: number };

export type ToWorker =
  /** Sent again, it skips the delay. */
  | { readonly kind: 'stop'; readonly delayMs: number }
  | { readonly kind: 'snapshot'; readonly id: number }
  | { readonly kind: 'metrics'; readonly id: number; readonly text: string };

/** @returns null: this process is not a worker */
export function workerNumber({ [WORKER_VARIABLE]: number }: NodeJS.ProcessEnv): string | null {
  return number === undefined || !process.connected ? null : number;
}

export function onStopSignal(stop: () => void): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop);
}
