import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { cacheBound } from '../../domain/cache-bound.js';
import { Settings } from '../../config/settings.js';

/** The columns of a row that only grow. */
export interface Progress {
  readonly id: string;
  readonly version: number;
  readonly credentialVersion: number | null;
}

type Marks = ReadonlyMap<string, { readonly version: number; readonly credentialVersion: number }>;

/** A deleted row never returns: the id of a grant is never reused. */
const GONE = { version: Number.POSITIVE_INFINITY, credentialVersion: Number.POSITIVE_INFINITY };
const FIRST = { version: 0, credentialVersion: 0 };
const NONE: Marks = new Map();
const NONE_OLDER: ReadonlySet<string> = new Set();
const MIN_USERS = 20_000;

/**
 * The newest versions that this process read of each grant: detects a row that was rolled back whole, seal included.
 * A bounded cache of this process: a restart accepts what the database holds, as after a restore.
 */
@Injectable()
export class GrantWatermarks {
  readonly #marks: LRUCache<string, Marks>;

  constructor({ cacheUsers }: Settings) {
    this.#marks = new LRUCache(cacheBound(Math.max(MIN_USERS, cacheUsers)));
  }

  /** What was known when a read began; what another read sees meanwhile does not concern this one. */
  before(userId: string, client: string): Marks {
    return this.#marks.get(keyOf(userId, client)) ?? NONE;
  }

  /** Caches what was read. @returns the ids of rows that are older than what was known before */
  judge(userId: string, client: string, before: Marks, rows: readonly Progress[]): ReadonlySet<string> {
    if (rows.length === 0 && before.size === 0) return NONE_OLDER;
    const key = keyOf(userId, client);
    const known = this.#marks.get(key);
    // Nearly every read.
    if (known && known === before && areSame(known, rows)) return NONE_OLDER;
    const marks = new Map(known);
    const older = new Set<string>();
    for (const { id, version, credentialVersion } of rows) {
      const mark = before.get(id) ?? FIRST;
      // A dead grant has no credential.
      const seen = { version, credentialVersion: credentialVersion ?? mark.credentialVersion };
      if (seen.version < mark.version || seen.credentialVersion < mark.credentialVersion) older.add(id);
      else if (seen.version >= (marks.get(id) ?? FIRST).version) marks.set(id, seen);
    }
    const read = new Set(rows.map(({ id }) => id));
    for (const id of before.keys()) if (!read.has(id)) marks.set(id, GONE);
    this.#marks.set(key, marks);
    return older;
  }
}

function areSame(marks: Marks, rows: readonly Progress[]): boolean {
  return (
    rows.length === marks.size &&
    rows.every(({ id, version, credentialVersion }) => {
      const mark = marks.get(id);
      return mark?.version === version && mark.credentialVersion === credentialVersion;
    })
  );
}

/** User ids contain no line break. */
function keyOf(userId: string, client: string): string {
  return `${client}\n${userId}`;
}
