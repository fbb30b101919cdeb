/**
 * Statements that PostgreSQL prepares once a connection, by name, wherever the sessions behind a connection allow names. Owns no
 * connection: database.ts, worker-pools.ts.
 */
import { createHash } from 'node:crypto';
import type pg from 'pg';
import { codesOf } from './database-error.js';

/** A statement of this name is not in the session, is there already, or was prepared for a table that changed since. */
const NAME_FAULTS = ['26000', '42P05', '0A000'];

interface Sessions {
  /** Whether no pooler is in between, or one that the operator says keeps sessions. */
  readonly areDirect: () => boolean;
  /** Whether a pooler that is in between keeps sessions, as far as is known. */
  readonly areKept: () => boolean;
}

/** A pool, or one connection of it. */
type Queryable = Pick<pg.Pool, 'query'>;

export class NamedStatements {
  readonly #names = new Map<string, string>();
  #areRefused = false;

  constructor(private readonly sessions: Sessions) {}

  /** @param name one for each text */
  async run<Row extends object>(
    on: Queryable,
    name: string,
    text: string,
    values: unknown[],
  ): Promise<Row[]> {
    if (!this.#mayName()) return (await on.query<Row>({ text, values })).rows;
    try {
      return (await on.query<Row>({ name: this.#nameOf(name, text), text, values })).rows;
    } catch (error) {
      const fault = codesOf(error).find((code) => NAME_FAULTS.includes(code));
      if (fault === undefined) throw error;
      if (fault !== '0A000') this.#areRefused = true;
      // It was refused before it ran.
      return (await on.query<Row>({ text, values })).rows;
    }
  }

  #mayName(): boolean {
    return this.sessions.areDirect() || (!this.#areRefused && this.sessions.areKept());
  }

  /** Behind a pooler, a session may hold statements of another version: one name never stands for two texts. */
  #nameOf(name: string, text: string): string {
    let full = this.#names.get(name);
    if (full === undefined) {
      full = `${name} ${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
      this.#names.set(name, full);
    }
    return full;
  }
}
