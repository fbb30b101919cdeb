import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { WriteBehind } from './write-behind.js';

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
