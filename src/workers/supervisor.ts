/**
 * The main process where WORKERS is more than 1: starts that many workers on one port, replaces those that end, passes
 * signals on, and answers for all about metrics.
 * Owns the processes. It serves no request, opens no connection to PostgreSQL, and knows nothing of what a worker does:
 * main.ts starts each as it would the only broker, and worker.ts is the worker's side of the messages.
 */
import cluster, { type Worker } from 'node:cluster';
import type { Logger as Log } from 'pino';
import type { Settings } from '../config/settings.js';
import { exponentialBackoff } from '../domain/grant/lease-and-backoff.js';
import { openLog } from '../http/logging/logger.js';
import { readVersion } from '../version.js';
import { type FromWorker, MAX_SHUTDOWN_MS, onStopSignal, WORKER_VARIABLE } from './protocol.js';
import { WorkerMetrics } from './worker-metrics.js';

/** EX_CONFIG of sysexits.h. */
const CONFIGURATION_FAULT = 78;
const FIRST_RESTART_MS = 250;
const MAX_RESTART_MS = 30_000;
/** A worker that ran for so long starts its backoff from the beginning. */
const STABLE_MS = 60_000;
/** What a worker has beyond its own limit before it is killed. */
const KILL_AFTER_MS = MAX_SHUTDOWN_MS + 250;

/** A worker, started again when its process ends. The number stays: labels of metrics must not grow in number. */
interface SupervisedWorker {
  readonly number: number;
  worker: Worker | null;
  isReady: boolean;
  startedAt: number;
  /** Ends in a row, each soon after its start. */
  failures: number;
}

/** Starts the workers. The process then runs until a signal, or until a worker reports a faulty configuration. */
export function supervise(settings: Settings): void {
  const { workers, shutdownDelayMs } = settings;
  // Elsewhere the system chooses, which is uneven, and on Windows Node's default.
  cluster.schedulingPolicy = cluster.SCHED_RR;
  const log = openLog(settings, readVersion()).child({ context: 'Workers' });
  new Supervisor(log, shutdownDelayMs, workers).start();
}

class Supervisor {
  readonly #workers: readonly SupervisedWorker[];
  readonly #metrics: WorkerMetrics;
  #isStopping = false;
  #exitCode = 0;
  #kill: NodeJS.Timeout | null = null;

  constructor(
    private readonly log: Log,
    private readonly shutdownDelayMs: number,
    workers: number,
  ) {
    this.#workers = Array.from({ length: workers }, (_, at) => ({
      number: at + 1,
      worker: null,
      isReady: false,
      startedAt: 0,
      failures: 0,
    }));
    this.#metrics = new WorkerMetrics(this.#workers.map(({ number }) => number));
  }

  /** The first worker alone: a port that is taken is reported once, and the broker is ready as soon as one process is. */
  start(): void {
    onStopSignal(() => {
      this.#stop();
    });
    for (const supervised of this.#workers.slice(0, 1)) this.#startWorker(supervised);
  }

  #startWorker(supervised: SupervisedWorker): void {
    if (this.#isStopping) return;
    const worker = cluster.fork({ [WORKER_VARIABLE]: String(supervised.number) });
    Object.assign(supervised, { worker, isReady: false, startedAt: performance.now() });
    worker.on('message', (message: FromWorker) => {
      this.#receive(supervised, worker, message);
    });
    // Such as a failed fork; `exit` follows, or what is sent gets no answer and times out.
    worker.on('error', (error) => {
      this.log.error({ err: error, worker: supervised.number }, 'a worker cannot be reached');
    });
    worker.once('exit', (code: number | null, signal: string | null) => {
      this.#ended(supervised, code, signal);
    });
  }

  #receive(supervised: SupervisedWorker, worker: Worker, message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        supervised.isReady = true;
        this.#metrics.joined(supervised.number, worker);
        for (const other of this.#workers)
          if (!other.worker && other.failures === 0) this.#startWorker(other);
        break;
      case 'snapshot':
        this.#metrics.received(supervised.number, message);
        break;
      case 'metrics':
        void this.#metrics
          .read()
          .then((text) => worker.send({ kind: 'metrics', id: message.id, text }, ignore));
    }
  }

  #ended(supervised: SupervisedWorker, code: number | null, signal: string | null): void {
    const wasReady = supervised.isReady;
    Object.assign(supervised, { worker: null, isReady: false });
    this.#metrics.left(supervised.number);
    if (this.#isStopping) {
      this.#exitCode ||= code === 0 ? 0 : 1;
      this.#exitWhenAllEnded();
    } else if (code === CONFIGURATION_FAULT) {
      // It has said why. Starting it again would change nothing.
      this.#exitCode = CONFIGURATION_FAULT;
      this.#stop();
    } else if (!wasReady && this.#workers.every(({ worker, failures }) => !worker && failures === 0)) {
      // The first start of the first worker: this ends as one process alone would.
      process.exit(code ?? 1);
    } else {
      this.#restart(supervised, code, signal);
    }
  }

  #restart(supervised: SupervisedWorker, code: number | null, signal: string | null): void {
    const isStable = performance.now() - supervised.startedAt > STABLE_MS;
    supervised.failures = isStable ? 1 : supervised.failures + 1;
    const waitMs = exponentialBackoff(supervised.failures, FIRST_RESTART_MS, MAX_RESTART_MS);
    this.log.error(
      { worker: supervised.number, exit_code: code, signal, restart_in_ms: waitMs },
      'a worker ended; another takes its place',
    );
    this.#metrics.restarted(supervised.number);
    setTimeout(() => {
      this.#startWorker(supervised);
    }, waitMs);
  }

  /** Called again, it skips the delay. */
  #stop(): void {
    const delayMs = this.#isStopping || this.#exitCode !== 0 ? 0 : this.shutdownDelayMs;
    this.#isStopping = true;
    for (const { worker, isReady } of this.#workers) {
      if (isReady) worker?.send({ kind: 'stop', delayMs }, ignore);
      // It serves nothing yet.
      else worker?.process.kill('SIGKILL');
    }
    if (this.#kill) clearTimeout(this.#kill);
    this.#kill = setTimeout(() => {
      this.#exitCode ||= 1;
      for (const { worker } of this.#workers) worker?.process.kill('SIGKILL');
    }, delayMs + KILL_AFTER_MS);
    this.#exitWhenAllEnded();
  }

  #exitWhenAllEnded(): void {
    if (this.#workers.every(({ worker }) => worker === null)) process.exit(this.#exitCode);
  }
}

/** A worker that cannot be reached has ended or will: `exit` says so. */
function ignore(): void {
  // Without a callback, the error would be thrown.
}
