/**
 * The metrics of all workers in one text, each with the label `worker`, and what the supervisor counts about them.
 * Does not own what a worker counts (operations/metrics.ts), nor which workers there are (supervisor.ts).
 */
import type { Worker } from 'node:cluster';
import { AggregatorRegistry } from 'prom-client';
import { Counter, Gauge } from '../domain/metrics/instruments.js';
import { WORKER_RESTARTS, WORKER_UP } from '../domain/metrics/system-metrics.js';
import { MetricRegistry } from '../operations/metric-registry.js';
import type { MetricsSnapshot } from './protocol.js';

/** A worker that takes longer is left out, and counts as down. */
const SNAPSHOT_TIMEOUT_MS = 1000;
/** Workers are asked at most so often: /metrics is open to all. */
const MAX_AGE_MS = 100;

interface Collection {
  readonly id: number;
  readonly snapshots: Map<number, MetricsSnapshot>;
  readonly awaited: Set<number>;
  readonly complete: () => void;
}

export class WorkerMetrics {
  /** What the supervisor counts. */
  readonly registry = new MetricRegistry();
  readonly #restarts = new Counter(WORKER_RESTARTS);
  readonly #workers = new Map<number, Worker>();
  #collection: Collection | null = null;
  #lastId = 0;
  #text: Promise<string> | null = null;
  #readAt = 0;

  /** The workers that answered last. */
  #up: ReadonlySet<number> = new Set();

  constructor(numbers: readonly number[]) {
    const up = new Gauge(WORKER_UP);
    for (const number of numbers) {
      const worker = String(number);
      this.#restarts.series({ worker });
      up.observe({ worker }, () => (this.#up.has(number) ? 1 : 0));
    }
    for (const instrument of [up, this.#restarts]) this.registry.add(instrument);
  }

  joined(number: number, worker: Worker): void {
    this.#workers.set(number, worker);
  }

  left(number: number): void {
    this.#workers.delete(number);
    this.#collection?.awaited.delete(number);
    this.#completeCollection();
  }

  restarted(number: number): void {
    this.#restarts.add({ worker: String(number) });
  }

  received(
    number: number,
    { id, metrics }: { readonly id: number; readonly metrics: MetricsSnapshot },
  ): void {
    if (id !== this.#collection?.id || !this.#collection.awaited.delete(number)) return;
    this.#collection.snapshots.set(number, metrics);
    this.#completeCollection();
  }

  /** In Prometheus's text format. Reads of one moment share one result. */
  read(): Promise<string> {
    const now = performance.now();
    if (!this.#text || (!this.#collection && now - this.#readAt > MAX_AGE_MS)) {
      this.#readAt = now;
      this.#text = this.#read();
    }
    return this.#text;
  }

  async #read(): Promise<string> {
    const snapshots = await this.#collect();
    this.#up = new Set(snapshots.keys());
    const all = [...snapshots.values(), await this.registry.getMetricsAsJSON()];
    // No two have the same labels, so nothing is added up: the aggregators that metrics come with do not matter.
    const apart = all.map((metrics) => metrics.map((metric) => ({ ...metric, aggregator: 'first' })));
    return AggregatorRegistry.aggregate(apart).metrics();
  }

  async #collect(): Promise<ReadonlyMap<number, MetricsSnapshot>> {
    const { promise, resolve } = Promise.withResolvers<null>();
    const collection: Collection = {
      id: ++this.#lastId,
      snapshots: new Map(),
      awaited: new Set(this.#workers.keys()),
      complete: () => {
        resolve(null);
      },
    };
    this.#collection = collection;
    const timer = setTimeout(collection.complete, SNAPSHOT_TIMEOUT_MS);
    for (const worker of this.#workers.values())
      worker.send({ kind: 'snapshot', id: collection.id }, () => undefined);
    this.#completeCollection();
    await promise;
    clearTimeout(timer);
    this.#collection = null;
    return collection.snapshots;
  }

  #completeCollection(): void {
    if (this.#collection?.awaited.size === 0) this.#collection.complete();
  }
}
