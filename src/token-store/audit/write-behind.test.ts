import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { PartlyWritten, type Retry, WriteBehind } from './write-behind.js';

/** A store that can be shut; it keeps what it was given. */
function store() {
  const written: number[][] = [];
  const state = { isShut: false };
  const faults: unknown[] = [];
  const write = async (batch: readonly number[]) => {
    await sleep(5);
    if (state.isShut) throw new Error('shut');
    written.push([...batch]);
  };
  return { written, state, faults, write, onError: (fault: unknown) => void faults.push(fault) };
}

describe('the write-behind buffer', () => {
  test('writes together what comes close together, in order', async () => {
    const { written, write, onError } = store();
    const rows = new WriteBehind(write, onError, 100);
    for (const item of [1, 2, 3]) rows.add(item);
    expect(written).toEqual([]);
    while (written.length === 0) await sleep(10);
    expect(written).toEqual([[1, 2, 3]]);
  });

  test('waits in a flush for all that came before it, also for what is being written', async () => {
    const { written, write, onError } = store();
    const rows = new WriteBehind(write, onError, 100);
    rows.add(1);
    const first = rows.flush();
    rows.add(2);
    await Promise.all([first, rows.flush()]);
    expect(written.flat()).toEqual([1, 2]);
  });

  test('keeps what it could not write, in order, and tries again', async () => {
    const { written, state, faults, write, onError } = store();
    const rows = new WriteBehind(write, onError, 100);
    state.isShut = true;
    rows.add(1);
    await expect(rows.flush()).rejects.toThrow('shut');
    rows.add(2);
    while (faults.length === 0) await sleep(10);
    state.isShut = false;
    while (written.length === 0) await sleep(10);
    expect(written).toEqual([[1, 2]]);
  });

  test('makes callers wait while it is full, and refuses them once it is closed as well', async () => {
    const { written, state, write, onError } = store();
    const rows = new WriteBehind(write, onError, 100, 8);
    await rows.waitForCapacity('');
    rows.add(1);
    await rows.waitForCapacity('');
    expect(written).toEqual([]);
    rows.add(2);
    await rows.waitForCapacity('');
    expect(written).toEqual([[1, 2]]);
    rows.add(3);
    rows.add(4);
    state.isShut = true;
    await expect(rows.waitForCapacity('')).rejects.toThrow('shut');
  });

  test('gives one owner a quarter of its capacity, and leaves the rest to others', async () => {
    const { state, write, onError } = store();
    const rows = new WriteBehind(write, onError, 100, 8);
    rows.add(1, 'a');
    rows.add(2, 'a');
    expect([rows.hasCapacity('a'), rows.hasCapacity('b')]).toEqual([false, true]);
    await rows.waitForCapacity('a');
    expect(rows.hasCapacity('a')).toBe(true);
    state.isShut = true;
    for (const owner of ['a', 'a', 'a', 'b', 'c', 'd', 'e', 'f']) rows.add(3, owner);
    expect([rows.hasCapacity('b'), rows.hasCapacity('g')]).toEqual([false, false]);
  });

  test('writes the rest when it is closed, and gives back what it could not write', async () => {
    const { written, state, faults, write, onError } = store();
    const rows = new WriteBehind(write, onError, 100);
    rows.add(1);
    expect(await rows.close()).toEqual([]);
    state.isShut = true;
    rows.add(2);
    expect(await rows.close()).toEqual([2]);
    expect(faults).toHaveLength(1);
    expect(written).toEqual([[1]]);
  });
});

/** A store that refuses some of what it is given, and writes the rest. */
function partly(isRefused: (item: number) => boolean, max?: number) {
  const written: number[] = [];
  const state = {
    isRefused,
    tries: 0,
    attempts: [] as (Retry | null)[],
    /** What a retry waits for. */
    gate: null as Promise<unknown> | null,
  };
  const faults: unknown[] = [];
  const write = async (batch: readonly number[], retry: Retry | null) => {
    await sleep(1);
    state.tries++;
    state.attempts.push(retry);
    if (retry) await state.gate;
    const failed = new Set(batch.flatMap((item, place) => (state.isRefused(item) ? [place] : [])));
    written.push(...batch.filter((item) => !state.isRefused(item)));
    const cause = new Error('away');
    if (failed.size > 0) throw new PartlyWritten(failed, cause);
  };
  const rows = new WriteBehind(write, (fault) => void faults.push(fault), 10, max);
  return { rows, written, state, faults };
}

describe('the write-behind buffer, of which a part cannot be written', () => {
  const isOdd = (item: number) => item % 2 === 1;

  test('writes what comes later, and the part again until it can be', async () => {
    const { rows, written, state, faults } = partly(isOdd);
    for (const item of [1, 2, 3, 4]) rows.add(item);
    while (written.length < 2) await sleep(5);
    for (const item of [5, 6]) rows.add(item);
    while (written.length < 3) await sleep(5);
    expect(written).toEqual([2, 4, 6]);
    expect([rows.waiting, rows.hasRefused, faults.length > 0]).toEqual([3, true, true]);
    expect(rows.oldestMs).toBeGreaterThan(5);
    state.isRefused = () => false;
    while (written.length < 6) await sleep(10);
    expect(written).toEqual([2, 4, 6, 1, 3, 5]);
    expect([rows.waiting, rows.hasRefused, rows.oldestMs]).toEqual([0, false, 0]);
  });

  test('fails a flush for those only whom it concerns', async () => {
    const { rows, state } = partly(isOdd);
    for (const item of [1, 2, 3]) rows.add(item);
    await rows.flush((item) => item === 2);
    await expect(rows.flush((item) => item === 3)).rejects.toThrow('away');
    await expect(rows.flush()).rejects.toThrow('away');
    state.isRefused = (item) => item === 1;
    await rows.flush((item) => item === 3);
    await expect(rows.flush()).rejects.toThrow('away');
  });

  test('tries all of it again, however much there is, and not at each write', async () => {
    const { rows, written, state } = partly((item) => item < 1000);
    for (let item = 0; item < 1200; item++) rows.add(item);
    // The first two batches have nothing that can be written, and stand before the rest.
    await rows.flush((item) => item >= 1000).catch(() => undefined);
    expect([written.length, rows.waiting]).toEqual([200, 1000]);
    const { tries } = state;
    rows.add(2000);
    await rows.flush((item) => item === 2000);
    expect(state.tries).toBe(tries + 1);
    state.isRefused = (item) => item < 600;
    await rows.flush((item) => item > 600);
    expect(rows.waiting).toBe(600);
    expect(await rows.close()).toHaveLength(600);
  });

  test('counts what waits to be retried in the share of its owner', async () => {
    const { rows } = partly(isOdd, 8);
    rows.add(1, 'a');
    rows.add(3, 'a');
    rows.add(2, 'b');
    await rows.flush((item) => item === 2);
    expect([rows.hasCapacity('a'), rows.hasCapacity('b')]).toEqual([false, true]);
    await expect(rows.waitForCapacity('a')).rejects.toThrow('away');
  });

  test('retries for a caller once more what was refused after the running retry began', async () => {
    const { rows, state, written } = partly(isOdd);
    const retrying = Promise.withResolvers<undefined>();
    rows.add(1);
    await rows.flush((item) => item === 2);
    state.gate = retrying.promise;
    const first = rows.flush((item) => item === 1);
    await sleep(5);
    rows.add(3);
    const second = rows.flush((item) => item === 3);
    await sleep(5);
    expect([rows.waiting, written]).toEqual([2, []]);
    state.isRefused = () => false;
    retrying.resolve(undefined);
    await Promise.all([first, second]);
    expect(written).toEqual([1, 3]);
  });

  test('says of each attempt whether a caller waits for it', async () => {
    const { rows, state } = partly(isOdd);
    rows.add(1);
    while (state.attempts.length < 2) await sleep(10);
    await rows.flush().catch(() => undefined);
    await rows.close();
    expect(state.attempts.map((retry) => retry?.isAsked ?? null)).toEqual([null, false, true, true]);
  });

  test('is failing until all of it is written', async () => {
    const { rows, state, faults } = partly(isOdd);
    expect(rows.isFailing).toBe(false);
    for (const item of [1, 2]) rows.add(item);
    while (faults.length === 0) await sleep(5);
    rows.add(4);
    await rows.flush((item) => item === 4);
    expect(rows.isFailing).toBe(true);
    state.isRefused = () => false;
    await rows.flush();
    expect(rows.isFailing).toBe(false);
  });
});
