import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Secret } from '../../../domain/secret.js';
import type { TokenOutcome, Unavailable } from '../token-request.js';
import { TokenCache } from './token-cache.js';

const UNAVAILABLE: Unavailable = { kind: 'unavailable', message: 'away', retryAfterSeconds: null };
const REFUSED: TokenOutcome = {
  kind: 'refused',
  error: 'invalid_grant',
  code: 'reconnect_required',
  message: 'connect',
};

/** A cache before a broker whose answers a test chooses, on clocks that it moves. */
function setUp() {
  const state = {
    asked: 0,
    ms: 1_000_000,
    wallMs: 5_000_000,
    random: 1,
    answer: (): TokenOutcome => token(3600),
  };
  const reports: string[] = [];
  const changes: (string | null)[] = [];
  const cache = new TokenCache(
    () => {
      state.asked += 1;
      return Promise.resolve(state.answer());
    },
    [],
    { monotonicMs: () => state.ms, wallMs: () => state.wallMs, random: () => state.random },
    {
      report: (line) => reports.push(line),
      changed: (found) => changes.push(found === null ? null : found.accessToken.reveal()),
    },
  );
  const advance = (seconds: number) => {
    state.ms += seconds * 1000;
    state.wallMs += seconds * 1000;
  };
  function token(seconds: number): TokenOutcome {
    return {
      kind: 'token',
      accessToken: new Secret(`t${state.asked}`),
      expiresInSeconds: seconds,
      scopes: [],
    };
  }
  return { state, reports, changes, cache, advance, token };
}

describe('the token cache', () => {
  test('asks once for all who wait, and again when less than 390 seconds are left', async () => {
    const { state, cache, advance, token } = setUp();
    await Promise.all([cache.token(), cache.token()]);
    expect(state.asked).toBe(1);
    state.answer = () => token(391);
    advance(10);
    expect(await cache.token()).toMatchObject({ kind: 'live', expiresInSeconds: 391 });
    advance(1);
    expect(await cache.token()).toMatchObject({ kind: 'live', expiresInSeconds: 390 });
    expect(state.asked).toBe(2);
    state.answer = () => token(3600);
    advance(1);
    expect(await cache.token()).toMatchObject({ kind: 'live', expiresInSeconds: 3600 });
    expect(state.asked).toBe(3);
  });

  test('asks about a token again after 10 seconds, so that one that was replaced is not handed out', async () => {
    const { state, cache, advance, changes } = setUp();
    await cache.token();
    advance(9.9);
    await cache.token();
    expect(state.asked).toBe(1);
    advance(0.1);
    await cache.token();
    expect(changes).toEqual(['t1', 't2']);
    state.answer = () => REFUSED;
    advance(10);
    expect(await cache.token()).toBe(REFUSED);
  });

  test('has a token for each set of scopes, in whatever order they are named', async () => {
    const { state, cache } = setUp();
    await cache.token(['a', 'b']);
    await cache.token(['b', 'a']);
    expect(state.asked).toBe(1);
    for (let each = 0; each < 100; each++) await cache.token([String(each)]);
    await cache.token(['99']);
    expect(state.asked).toBe(101);
  });

  test('hands out the last token while it lives, and no longer', async () => {
    const { state, cache, advance } = setUp();
    await cache.token();
    state.answer = () => UNAVAILABLE;
    advance(3599);
    expect(await cache.token()).toMatchObject({ kind: 'live', expiresInSeconds: 1 });
    advance(1);
    expect(await cache.token()).toMatchObject({ kind: 'unavailable', message: 'away' });
  });

  test('takes a token for expired that a laptop slept over, and that a clock set back would revive', async () => {
    const { state, cache } = setUp();
    await cache.token();
    state.answer = () => UNAVAILABLE;
    // The monotonic clock stands still in sleep.
    state.wallMs += 3_600_000;
    expect((await cache.token()).kind).toBe('unavailable');
    state.wallMs -= 3_600_000;
    state.ms += 3_600_000;
    expect((await cache.token()).kind).toBe('unavailable');
  });

  test('doubles its backoff to half a minute, and does not ask before', async () => {
    const { state, cache, advance } = setUp();
    state.answer = () => UNAVAILABLE;
    const waits: number[] = [];
    for (let failure = 0; failure < 9; failure++) {
      await cache.token();
      const asked = state.asked;
      let waited = 0;
      while (state.asked === asked) {
        advance(0.25);
        waited += 0.25;
        await cache.token();
      }
      // That was the next failure: its backoff has begun.
      waits.push(waited);
    }
    expect(waits).toEqual([0.5, 1, 2, 4, 8, 16, 30, 30, 30]);
    state.random = 0;
    state.answer = () => ({ ...UNAVAILABLE, retryAfterSeconds: 7 });
    advance(30);
    expect(await cache.token()).toMatchObject({ kind: 'unavailable', retryAfterSeconds: 8 });
  });

  test('drops its token when it is refused, and reports that once', async () => {
    const { state, cache, advance, changes, reports } = setUp();
    await cache.token();
    state.answer = () => REFUSED;
    advance(3300);
    expect(await cache.token()).toBe(REFUSED);
    expect(await cache.token()).toBe(REFUSED);
    state.answer = () => UNAVAILABLE;
    expect((await cache.token()).kind).toBe('unavailable');
    state.answer = () => ({
      kind: 'token',
      accessToken: new Secret('new'),
      expiresInSeconds: 3600,
      scopes: [],
    });
    advance(1);
    expect((await cache.token()).kind).toBe('live');
    expect(changes).toEqual(['t1', null, 'new']);
    expect(reports).toEqual(['connect (invalid_grant)', 'away', 'The broker gives tokens again.']);
  });

  describe('in the background', () => {
    const timers: { readonly run: () => void; readonly ms: number }[] = [];
    beforeEach(() => {
      const keep = (run: () => void, ms = 0) => {
        timers.push({ run, ms });
        return { unref: () => undefined };
      };
      jest.spyOn(globalThis, 'setTimeout').mockImplementation(keep as never);
    });
    afterEach(() => {
      jest.restoreAllMocks();
    });
    /** Lets the last timer fire in its time. @returns that time, in seconds */
    const fire = async (advance: (seconds: number) => void) => {
      const { run, ms } = timers.at(-1) ?? { run: () => undefined, ms: 0 };
      advance(ms / 1000);
      run();
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      return ms / 1000;
    };

    test('asks for the next token only when it is due, and within half a minute after a sleep', async () => {
      const { state, cache, advance, changes } = setUp();
      await cache.start();
      let waited = 0;
      while (state.asked === 1) waited += await fire(advance);
      // Ten seconds by chance after 3600 less 390.
      expect(Math.round(waited)).toBe(3221);
      state.wallMs += 3_600_000;
      expect(await fire(advance)).toBeLessThanOrEqual(30);
      await fire(advance);
      expect(changes).toEqual(['t1', 't2', 't3']);
      expect(Math.max(...timers.map(({ ms }) => ms))).toBe(30_000);
    });

    test('takes a token away that died in a sleep, while the broker does not answer', async () => {
      const { state, cache, advance, changes } = setUp();
      await cache.start();
      state.answer = () => UNAVAILABLE;
      state.wallMs += 3_600_000;
      await fire(advance);
      await fire(advance);
      expect(changes).toEqual(['t1', null]);
    });
  });

  test('says nothing more once it is stopped', async () => {
    const { cache, changes, reports } = setUp();
    const asking = cache.token();
    cache.stop();
    await asking;
    expect({ changes, reports }).toEqual({ changes: [], reports: [] });
  });
});
