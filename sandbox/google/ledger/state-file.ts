/**
 * Keeps the signing key and the ledger in one file, so that a sandbox still accepts its tokens after a restart.
 * A file it cannot read stops the start: starting empty would lose them silently.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { JWK } from 'jose';
import type { LedgerContents } from './records.js';

export interface State extends LedgerContents {
  version: 1;
  signingKey: JWK;
}

const writeDelayMs = 100;

export class StateFile {
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly path: string,
    private readonly state: () => State,
  ) {}

  writeSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.flush();
    }, writeDelayMs).unref();
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const unfinished = `${this.path}.${process.pid}.tmp`;
    writeFileSync(unfinished, JSON.stringify(this.state()), { mode: 0o600 });
    renameSync(unfinished, this.path);
  }
}

export function readStateFile(path: string): State | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const state = parse(text);
  if (!state) {
    throw new Error(
      `The stand-in's state file ${path} is damaged. Restore it, or delete it to start with nothing granted.`,
    );
  }
  return state;
}

function parse(text: string): State | undefined {
  let state: unknown;
  try {
    state = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isState(state) ? state : undefined;
}

function isState(value: unknown): value is State {
  if (typeof value !== 'object' || value === null) return false;
  const state = value as Partial<Record<keyof State, unknown>>;
  const rows = (name: keyof LedgerContents, keys: string[]) =>
    Array.isArray(state[name]) &&
    state[name].every((row: unknown) => {
      const fields = row as Record<string, unknown> | null;
      return Array.isArray(fields?.['scopes']) && keys.every((key) => typeof fields[key] === 'string');
    });
  return (
    state.version === 1 &&
    typeof (state.signingKey as Partial<JWK> | undefined)?.d === 'string' &&
    rows('grants', ['projectId', 'sub']) &&
    rows('codes', ['code', 'clientId', 'sub', 'redirectUri']) &&
    rows('refreshTokens', ['token', 'clientId', 'projectId', 'sub']) &&
    rows('accessTokens', ['token', 'clientId', 'projectId', 'sub'])
  );
}
