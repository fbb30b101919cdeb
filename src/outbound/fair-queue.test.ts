import { describe, expect, test } from '@jest/globals';
import { FairQueue, QueuePlace, type Lane } from './fair-queue.js';

const lane = (service: string, client = 'default', isBackground = false): Lane => ({
  service,
  client,
  isBackground,
});

/** Takes a turn, and releases it on demand. */
function enter(queue: FairQueue, name: string, ...lanes: Lane[]) {
  const place = new QueuePlace(queue);
  const entry: { readonly place: QueuePlace; release: () => void } = { place, release: () => undefined };
  void place.turn.then((release) => {
    served.push(name);
    entry.release = release;
  });
  for (const each of lanes) place.standIn(each);
  return entry;
}

let served: string[] = [];
const settle = () => new Promise((resolve) => setImmediate(resolve));

async function drain(entries: readonly ReturnType<typeof enter>[]) {
  for (const entry of entries) {
    await settle();
    while (!entry.place.isServed) await settle();
    await settle();
    entry.release();
  }
}

describe('the fair queue', () => {
  test('serves the lanes in turn, not in order of arrival', async () => {
    served = [];
    const queue = new FairQueue(1);
    const entries = ['a1', 'a2', 'a3', 'a4'].map((name) => enter(queue, name, lane('a')));
    entries.push(enter(queue, 'b1', lane('b')), enter(queue, 'b2', lane('b')));
    for (let turn = 0; turn < 6; turn++) {
      await settle();
      const last = served.at(-1) ?? '';
      entries[['a1', 'a2', 'a3', 'a4', 'b1', 'b2'].indexOf(last)]?.release();
    }
    // When the second of them came, no other lane waited.
    expect(served).toEqual(['a1', 'a2', 'b1', 'a3', 'b2', 'a4']);
  });

  test.each([
    [7, 7, 7],
    [8, 7, 8],
    [15, 14, 15],
    [16, 15, 15],
    [32, 30, 31],
    [100, 94, 97],
  ])('of %d turns gives one service %d, and its client %d, while none is free again', async (...turns) => {
    const [all, ofService, ofClient] = turns;
    served = [];
    const queue = new FairQueue(all);
    for (let call = 0; call < all; call++) enter(queue, 'one', lane('a'));
    await settle();
    expect(served).toHaveLength(ofService);
    for (const service of ['b', 'c', 'd', 'e', 'f', 'g', 'h'])
      for (let call = 0; call < all; call++) enter(queue, service, lane(service));
    await settle();
    expect(served).toHaveLength(ofClient);
  });

  test('serves what waits in two lanes in the first, and once', async () => {
    served = [];
    const queue = new FairQueue(1);
    const first = enter(queue, 'first', lane('a'));
    const a = enter(queue, 'a', lane('a'));
    const shared = enter(queue, 'shared', lane('a'), lane('b'));
    await drain([first, a, shared]);
    expect(served).toEqual(['first', 'a', 'shared']);
  });

  test('does not serve an entry that left, and lets it block no other', async () => {
    served = [];
    const queue = new FairQueue(1);
    const first = enter(queue, 'first', lane('a'));
    const gone = enter(queue, 'gone', lane('b'));
    const last = enter(queue, 'last', lane('b'));
    gone.place.leave(lane('b'));
    await drain([first, last]);
    expect(served).toEqual(['first', 'last']);
  });

  test('leaves some of many slots free beside one service, and beside one client', async () => {
    served = [];
    const queue = new FairQueue(32);
    const crowd = (service: string) => {
      for (let each = 0; each < 40; each++) enter(queue, `${service}${each}`, lane(service));
    };
    crowd('a');
    await settle();
    expect(served).toHaveLength(30);
    for (const service of ['b', 'c', 'd', 'e']) crowd(service);
    await settle();
    expect(served).toHaveLength(31);
    enter(queue, 'other', lane('a', 'other'));
    await settle();
    expect(served.at(-1)).toBe('other');
  });

  test('serves the background when no caller waits, and gives it no more than half', async () => {
    served = [];
    const queue = new FairQueue(4);
    const renewals = ['r1', 'r2', 'r3', 'r4'].map((name) => enter(queue, name, lane('a', 'default', true)));
    await settle();
    expect(served).toEqual(['r1', 'r2']);
    for (const name of ['c1', 'c2', 'c3']) enter(queue, name, lane('a'));
    await settle();
    renewals[0]?.release();
    await settle();
    expect(served).toEqual(['r1', 'r2', 'c1', 'c2', 'c3']);
  });

  test('counts a slot that is given back twice once', async () => {
    served = [];
    const queue = new FairQueue(1);
    const first = enter(queue, 'first', lane('a'));
    enter(queue, 'second', lane('a'));
    enter(queue, 'third', lane('a'));
    await settle();
    first.release();
    first.release();
    await settle();
    expect(served).toEqual(['first', 'second']);
  });
});
