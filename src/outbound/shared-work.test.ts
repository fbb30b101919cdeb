import { describe, expect, test } from '@jest/globals';
import { FairQueue, type Lane } from './fair-queue.js';
import { TurnNotTaken, WorkInFlight } from './shared-work.js';

const lane = (service = 'a', isBackground = false): Lane => ({ service, client: 'default', isBackground });
const caller = (about = 'call', more: { lane?: Lane; callerSignal?: AbortSignal } = {}) => ({
  lane: lane(),
  about,
  ...more,
});
const settle = () => new Promise((resolve) => setImmediate(resolve));
const MINUTE = 60_000;

/** A queue of one turn, which is taken until `free` is called. */
function busyQueue(maxWaitMs = MINUTE) {
  const queue = new FairQueue(1);
  const shared = new WorkInFlight<string, string>(queue, maxWaitMs);
  let free!: () => void;
  const taken = new Promise<void>((resolve) => (free = resolve));
  const holder = shared.share('holder', caller(), (work) => work.turn(() => taken.then(() => 'held')));
  const done: string[] = [];
  /** Work that takes one turn, and says who it was for. */
  const share = (key: string, by = caller()) =>
    shared.share(key, by, (work) =>
      work.turn(() => {
        done.push(key);
        return Promise.resolve(`${key} for ${work.about}`);
      }),
    );
  return { shared, share, done, free, holder, queue };
}

const why = (reason: TurnNotTaken['why']) => expect.objectContaining({ name: 'TurnNotTaken', why: reason });

describe('shared work', () => {
  test('is done once for all who ask meanwhile, and again for the next', async () => {
    const { share, done, free, shared } = busyQueue();
    const all = ['first', 'second', 'third'].map((about) => share('x', caller(about)));
    expect(shared.has('x')).toBe(true);
    free();
    expect(await Promise.all(all)).toEqual(Array.from({ length: 3 }, () => 'x for first'));
    await shared.ended();
    expect(shared.has('x')).toBe(false);
    expect(await share('x', caller('fourth'))).toBe('x for fourth');
    expect(done).toEqual(['x', 'x']);
  });

  test('is done for each key on its own', async () => {
    const { share, free } = busyQueue();
    const both = [share('x'), share('y')];
    free();
    expect(await Promise.all(both)).toEqual(['x for call', 'y for call']);
  });

  test('gives its error to all who wait, and is begun again by the next', async () => {
    const shared = new WorkInFlight<string, string>(new FairQueue(1), MINUTE);
    let runs = 0;
    const fail = () => shared.share('x', caller(), () => Promise.reject(new Error(`run ${++runs}`)));
    const results = await Promise.allSettled([fail(), fail()]);
    expect(results.map((result) => result.status === 'rejected' && String(result.reason))).toEqual([
      'Error: run 1',
      'Error: run 1',
    ]);
    await shared.ended();
    await expect(fail()).rejects.toThrow('run 2');
  });

  test.each([
    ['a value', () => Promise.resolve('done')],
    ['an error', () => Promise.reject<string>(new Error('failed'))],
  ])('has a result for a caller who joins just as it ends with %s', async (_, work) => {
    for (let later = 0; later < 8; later++) {
      const shared = new WorkInFlight<string, string>(new FairQueue(1), MINUTE);
      const [first, second] = [0, later].map(async (microtasks) => {
        for (let each = 0; each < microtasks; each++) await Promise.resolve();
        return shared.share('x', caller(), work).catch(String);
      });
      const ended = await Promise.race([Promise.all([first, second]), settle().then(() => 'waits for ever')]);
      expect({ later, ended }).toEqual({ later, ended: [await first, await first] });
    }
  });

  test('is done for the next caller where the first hangs up while it waits', async () => {
    const { share, free } = busyQueue();
    const controller = new AbortController();
    const gone = share('x', caller('gone', { callerSignal: controller.signal }));
    const stays = share('x', caller('stays', { lane: lane('b') }));
    controller.abort();
    await expect(gone).rejects.toEqual(why('caller_left'));
    free();
    expect(await stays).toBe('x for stays');
  });

  test('takes no turn where all have left, and none of one that had before', async () => {
    const { share, done, free, shared, queue } = busyQueue();
    const controller = new AbortController();
    const gone = share('x', caller('gone', { callerSignal: controller.signal }));
    controller.abort();
    await expect(gone).rejects.toEqual(why('caller_left'));
    await expect(share('y', caller('late', { callerSignal: controller.signal }))).rejects.toEqual(
      why('caller_left'),
    );
    expect([shared.has('x'), queue.waitingByClient().get('default') ?? 0]).toEqual([false, 0]);
    free();
    await shared.ended();
    expect(done).toEqual([]);
  });

  test('under way is finished for a caller who comes after the first left', async () => {
    const shared = new WorkInFlight<string, string>(new FairQueue(1), MINUTE);
    let finish!: () => void;
    const answer = new Promise<void>((resolve) => (finish = resolve));
    const controller = new AbortController();
    const work = (by: ReturnType<typeof caller>) =>
      shared.share('x', by, (each) => each.turn(() => answer.then(() => 'done')));
    const gone = work(caller('gone', { callerSignal: controller.signal }));
    await settle();
    controller.abort();
    await expect(gone).rejects.toEqual(why('caller_left'));
    const next = work(caller('next'));
    finish();
    expect(await next).toBe('done');
  });

  test('that ends for lack of callers is begun again for one who comes before it has ended', async () => {
    const shared = new WorkInFlight<string, string>(new FairQueue(1), MINUTE);
    const controller = new AbortController();
    const work = (by: ReturnType<typeof caller>) =>
      shared.share('x', by, async (each) => {
        await settle();
        try {
          return await each.turn(() => Promise.resolve(`for ${each.about}`));
        } finally {
          await settle();
          await settle();
        }
      });
    const gone = work(caller('gone', { callerSignal: controller.signal }));
    controller.abort();
    await expect(gone).rejects.toEqual(why('caller_left'));
    await settle();
    expect(await work(caller('next'))).toBe('for next');
    await shared.ended();
    expect(shared.has('x')).toBe(false);
  });

  test('is refused to a caller who waited too long for a turn; the others go on waiting', async () => {
    const { share, free } = busyQueue(30);
    const background = share('x', caller('renewal', { lane: lane('a', true) }));
    const impatient = share('x');
    await expect(impatient).rejects.toEqual(why('queue_timeout'));
    free();
    expect(await background).toBe('x for renewal');
  });

  test('in the background is dropped where it waits; a caller of the same keeps it', async () => {
    const { share, shared, free, done } = busyQueue();
    const renewal = share('x', caller('renewal', { lane: lane('a', true) }));
    const both = [share('y', caller('renewal', { lane: lane('a', true) })), share('y', caller('person'))];
    shared.dropBackground();
    await expect(renewal).rejects.toEqual(why('caller_left'));
    await expect(both[0]).rejects.toEqual(why('caller_left'));
    free();
    expect(await both[1]).toBe('y for person');
    expect(done).toEqual(['y']);
  });

  test('gives its turn back when it fails, and where it says so before it ends', async () => {
    const shared = new WorkInFlight<string, string>(new FairQueue(1), MINUTE);
    const failing = shared.share('x', caller(), (work) => work.turn(() => Promise.reject(new Error('no'))));
    await expect(failing).rejects.toThrow('no');
    let finish!: () => void;
    const saved = new Promise<void>((resolve) => (finish = resolve));
    const saving = shared.share('y', caller(), (work) =>
      work.turn((release) => {
        release();
        return saved.then(() => 'saved');
      }),
    );
    expect(await shared.share('z', caller(), (work) => work.turn(() => Promise.resolve('z')))).toBe('z');
    finish();
    expect(await saving).toBe('saved');
  });
});
