import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { cacheBound } from '../../domain/cache-memory.js';
import { Settings } from '../../config/settings.js';
import { flatText } from '../../domain/text.js';

/** The columns of a row that only grow. */
export interface Progress {
  readonly id: string;
  readonly version: number;
  readonly credentialVersion: number | null;
}

interface Mark {
  readonly version: number;
  readonly credentialVersion: number;
}

/** JSON of `[id, version, credentialVersion]` of each grant: in memory a sixth of a Map. Empty: no grant is known. */
type Marks = string;

/** A deleted row never returns: the id of a grant is never reused. */
const GONE = { version: Number.POSITIVE_INFINITY, credentialVersion: Number.POSITIVE_INFINITY };
const FIRST = { version: 0, credentialVersion: 0 };
const NONE_OLDER: ReadonlySet<string> = new Set();
const MIN_USERS = 20_000;
/** Of one user and client. */
const MAX_GONE = 50;

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
    return this.#marks.get(keyOf(userId, client)) ?? '';
  }

  /** Caches what was read. @returns the ids of rows that are older than what was known before */
  judge(userId: string, client: string, before: Marks, rows: readonly Progress[]): ReadonlySet<string> {
    if (rows.length === 0 && before === '') return NONE_OLDER;
    const key = keyOf(userId, client);
    const known = this.#marks.get(key) ?? '';
    // Nearly every read.
    if (known !== '' && known === before && known === written(rows)) return NONE_OLDER;
    const marks = marksIn(known);
    const marksBefore = marksIn(before);
    const older = new Set<string>();
    for (const { id, version, credentialVersion } of rows) {
      const mark = marksBefore.get(id) ?? FIRST;
      // A dead grant has no credential.
      const seen = { version, credentialVersion: credentialVersion ?? mark.credentialVersion };
      if (seen.version < mark.version || seen.credentialVersion < mark.credentialVersion) older.add(id);
      else if (seen.version >= (marks.get(id) ?? FIRST).version) marks.set(id, seen);
    }
    const read = new Set(rows.map(({ id }) => id));
    for (const id of marksBefore.keys()) {
      if (read.has(id) || marks.get(id) === GONE) continue;
      // In the order in which they went.
      marks.delete(id);
      marks.set(id, GONE);
    }
    const gone = [...marks.keys()].filter((id) => marks.get(id) === GONE);
    for (const id of gone.slice(0, -MAX_GONE)) marks.delete(id);
    this.#marks.set(key, written([...marks].map(([id, mark]) => ({ id, ...mark }))));
    return older;
  }
}

/** Infinity is null in JSON. */
function written(rows: readonly Progress[]): Marks {
  return JSON.stringify(rows.map(({ id, version, credentialVersion }) => [id, version, credentialVersion]));
}

function marksIn(marks: Marks): Map<string, Mark> {
  if (marks === '') return new Map();
  const rows = JSON.parse(marks) as [string, number | null, number | null][];
  return new Map(
    rows.map(([id, version, credentialVersion]) => [
      id,
      version === null || credentialVersion === null ? GONE : { version, credentialVersion },
    ]),
  );
}

/** User ids contain no line break. */
function keyOf(userId: string, client: string): string {
  return flatText(client, '\n', userId);
}
