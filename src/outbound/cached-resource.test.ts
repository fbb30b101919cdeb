import { describe, expect, test } from '@jest/globals';
import { CachedResource, ResourceUnavailable } from './cached-resource.js';

const TIMES = { freshMs: 100, staleMs: 1000, cooldownMs: 10, retryMs: 50 };

/** A publisher that counts its loads, and answers with their number. */
function publisher() {
  const state = { ms: 0, loads: 0, isDown: false };
  const reports: unknown[] = [];
  const load = () => {
    const number = ++state.loads;
    return state.isDown ? Promise.reject(new Error('down')) : Promise.resolve(number);
  };
  const resource = new CachedResource(
    load,
    () => state.ms,
    TIMES,
    (failure) => reports.push(failure),
  );
  return { state, reports, resource };
}

describe('a cached resource', () => {
  test('is loaded once for all callers, and kept while it is fresh', async () => {
    const { state, resource } = publisher();
    expect(await Promise.all([resource.get(), resource.get()])).toEqual([1, 1]);
    state.ms = 99;
    expect(await resource.get()).toBe(1);
    expect(state.loads).toBe(1);
  });

  test('is reloaded in the background once it is no longer fresh', async () => {
    const { state, resource } = publisher();
    await resource.get();
    state.ms = 100;
    expect(await resource.get()).toBe(1);
    expect(await resource.get()).toBe(2);
  });

  test('makes its callers wait for a newer one once it is stale', async () => {
    const { state, resource } = publisher();
    await resource.get();
    state.ms = 1000;
    expect(await resource.get()).toBe(2);
  });

  test('is kept while its publisher is down, and reported once', async () => {
    const { state, reports, resource } = publisher();
    await resource.get();
    state.isDown = true;
    for (const ms of [1000, 1050, 1100]) {
      state.ms = ms;
      expect(await resource.get()).toBe(1);
    }
    expect(reports).toEqual([new Error('down')]);
    state.isDown = false;
    state.ms = 1200;
    expect(await resource.newest()).toBe(state.loads);
    expect(reports.at(-1)).toBeNull();
  });

  test('is not loaded again within the cooldown, however many miss something in it', async () => {
    const { state, resource } = publisher();
    await resource.get();
    state.ms = 9;
    expect(await Promise.all([resource.newest(), resource.newest()])).toEqual([1, 1]);
    state.ms = 10;
    expect(await Promise.all([resource.newest(), resource.newest()])).toEqual([2, 2]);
  });

  test('is unavailable where it never could be loaded, and retried after a while', async () => {
    const { state, resource } = publisher();
    state.isDown = true;
    await expect(resource.get()).rejects.toThrow(ResourceUnavailable);
    state.isDown = false;
    state.ms = 49;
    await expect(resource.get()).rejects.toThrow(ResourceUnavailable);
    state.ms = 50;
    expect(await resource.get()).toBe(2);
  });

  test('is reloaded after a clock was set back', async () => {
    const { state, resource } = publisher();
    state.ms = 3_600_000;
    await resource.get();
    state.ms = 0;
    expect(await resource.newest()).toBe(2);
  });
});
