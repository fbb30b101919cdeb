import { LRUCache } from 'lru-cache';
import { cacheBound } from '../../domain/cache-memory.js';
import type { AuditEntry } from '../../domain/audit-entry.js';
import { type AuditRow, ownerOf, toAuditRow } from './audit-rows.js';
import { type Retry, WriteBehind } from './write-behind.js';

/** After the first row of a refusal, equal ones are counted for this long before the next row. */
const REPEATED_MS = 60_000;
const MAX_REMEMBERED = 20_000;
/** Rows of refusals that one service can cause in a minute; beyond that they are counted without user or client. */
const MAX_PER_MINUTE = 1000;

interface Counted {
  readonly alike: string;
  readonly row: AuditRow;
}

/**
 * Refusals as rows. The same refusal again and again is one row that is written soon, and one for each minute after it,
 * with a count. A service that is refused in many different ways fills a quota, and then one row for all others.
 */
export class RefusalRows {
  readonly #open = new Map<string, AuditRow>();
  /** By the entry of the response cache: found without comparing. */
  #again = new WeakMap<object, AuditRow>();
  readonly #written = new LRUCache<string, true>({ ...cacheBound(MAX_REMEMBERED), ttl: REPEATED_MS });
  readonly #windows = new Map<string, { endsAt: number; rows: number }>();
  readonly #first: WriteBehind<Counted>;
  readonly #repeated: WriteBehind<Counted>;

  constructor(
    write: (rows: readonly AuditRow[], retry: Retry | null) => Promise<void>,
    onError: (fault: unknown, waiting: number) => void,
    firstMs: number,
  ) {
    const close = async (batch: readonly Counted[], retry: Retry | null) => {
      // What comes from now on is counted in another row: one that is being written must not change.
      for (const { alike, row } of batch) {
        if (this.#open.get(alike) === row) this.#open.delete(alike);
        this.#written.set(alike, true);
      }
      this.#again = new WeakMap();
      const rows = batch.map(({ row }) => row);
      await write(rows, retry);
    };
    this.#first = new WriteBehind(close, onError, firstMs);
    this.#repeated = new WriteBehind(close, onError, REPEATED_MS);
  }

  add(entry: AuditEntry, source?: object): void {
    const row = this.#open.get(alikeOf(entry)) ?? this.#rowOf(entry);
    row.count++;
    row.lastAt = entry.at;
    if (source) this.#again.set(source, row);
  }

  /** The row that counts a refusal that was added with this, until it is written. */
  again(source: object): AuditRow | undefined {
    return this.#again.get(source);
  }

  get parts(): readonly [WriteBehind<Counted>, WriteBehind<Counted>] {
    return [this.#first, this.#repeated];
  }

  #rowOf(entry: AuditEntry): AuditRow {
    const counted = this.#hasQuota(entry) ? entry : withoutWhom(entry);
    const alike = alikeOf(counted);
    const open = this.#open.get(alike);
    if (open) return open;
    const row = { ...toAuditRow(counted), count: 0 };
    this.#open.set(alike, row);
    (this.#written.has(alike) ? this.#repeated : this.#first).add({ alike, row }, ownerOf(entry));
    return row;
  }

  #hasQuota(entry: AuditEntry): boolean {
    const owner = ownerOf(entry);
    const now = performance.now();
    const window = this.#windows.get(owner);
    if (!window || window.endsAt <= now) {
      this.#windows.set(owner, { endsAt: now + 60_000, rows: 1 });
      return true;
    }
    window.rows++;
    return window.rows <= MAX_PER_MINUTE;
  }
}

function alikeOf({ at: _at, requestId: _requestId, ...entry }: AuditEntry): string {
  return JSON.stringify(entry);
}

function withoutWhom({ at, action, outcome, actor, serviceId = null }: AuditEntry): AuditEntry {
  return { at, action, outcome, actor, serviceId, details: { over_quota: true } };
}
