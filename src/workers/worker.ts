/**
 * A worker's side of the messages between it and its supervisor: when to stop, and what its metrics are.
 * Owns what a broker does differently as one of several workers. Does not own the processes (supervisor.ts).
 */
import type { Settings } from '../config/settings.js';
import type { Metrics } from '../operations/metrics.js';
import { type FromWorker, onStopSignal, type ToWorker, workerNumber } from './protocol.js';

/** Longer than the supervisor waits for the slowest worker. */
const METRICS_TIMEOUT_MS = 3000;

/** A connect is four requests; several people may have one address. */
const MIN_BROWSER_SHARE = 30;

export class WorkerLink {
  readonly #reads = new Map<number, (text: string) => void>();
  #lastId = 0;

  private constructor(private readonly number: string) {
    // A terminal and systemd signal every process. The supervisor passes on what it got, and a second signal has a meaning.
    onStopSignal(() => undefined);
  }

  /** @returns null: this process is not a worker */
  static of(env: NodeJS.ProcessEnv): WorkerLink | null {
    const number = workerNumber(env);
    return number === null ? null : new WorkerLink(number);
  }

  /**
   * Each worker counts calls for itself and the system spreads callers over them, so each allows its share: all together
   * allow no more than the limit. A browser keeps its connection, and so stays with one worker: there is a least share for it.
   */
  share(settings: Settings): Settings {
    const share = (limit: number, least = 1) =>
      Math.max(Math.min(least, limit), Math.floor(limit / settings.workers));
    const shares = {
      serviceRateLimit: share(settings.serviceRateLimit),
      browserRateLimit: share(settings.browserRateLimit, MIN_BROWSER_SHARE),
      refusalRateLimit: share(settings.refusalRateLimit),
      securityEventRateLimit: share(settings.securityEventRateLimit),
    };
    return Object.freeze(Object.assign({}, settings, shares));
  }

  /** The broker listens. From now on it stops when the supervisor says so, and all workers answer /metrics alike. */
  join(metrics: Metrics, stop: (delayMs: number) => void): void {
    metrics.registry.setDefaultLabels({ worker: this.number });
    metrics.readFrom(() => this.#readAll(metrics));
    process.on('message', (message: ToWorker) => {
      if (message.kind === 'stop') stop(message.delayMs);
      else if (message.kind === 'metrics') this.#reads.get(message.id)?.(message.text);
      else void this.#sendSnapshot(metrics, message.id);
    });
    this.#send({ kind: 'ready' });
  }

  async #sendSnapshot({ registry }: Metrics, id: number): Promise<void> {
    this.#send({ kind: 'snapshot', id, metrics: await registry.getMetricsAsJSON() });
  }

  async #readAll({ registry }: Metrics): Promise<string> {
    const id = ++this.#lastId;
    const { promise, resolve } = Promise.withResolvers<string | null>();
    const timer = setTimeout(resolve, METRICS_TIMEOUT_MS, null);
    this.#reads.set(id, resolve);
    this.#send({ kind: 'metrics', id });
    const text = await promise;
    clearTimeout(timer);
    this.#reads.delete(id);
    // Better its own than none.
    return text ?? registry.metrics();
  }

  #send(message: FromWorker): void {
    // Without its supervisor, Node ends a worker.
    process.send?.(message, undefined, undefined, () => undefined);
  }
}
