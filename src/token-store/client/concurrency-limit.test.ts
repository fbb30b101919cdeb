import { describe, expect, test } from '@jest/globals';
import { ConcurrencyLimit } from './concurrency-limit.js';
import { databaseFault } from './database-error.js';

const WAIT_MS = 50;

/** Work that ends when it is told to. */
function work() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    end: (name: string) => ends.get(name)?.(),
    of: (name: string) => () => {
      begun.push(name);
      return new Promise<string>((resolve) =>
        ends.set(name, () => {
          resolve(name);
        }),
      );
    },
  };
}
const turns = () => new Promise((resolve) => setImmediate(resolve));

describe('a limit of what is under way', () => {
  test('lets so many begin about each subject, and the next one in its order when one ends', async () => {
    const limit = new ConcurrencyLimit(2, 10_000);
    const { begun, end, of } = work();
    const results = ['a', 'b', 'c', 'd'].map((name) => limit.run('one', of(name)));
    const other = limit.run('another', of('other'));
    await turns();
    expect(begun).toEqual(['a', 'b', 'other']);
    end('b');
    expect(await results[1]).toBe('b');
    await turns();
    expect(begun).toEqual(['a', 'b', 'other', 'c']);
    for (const name of ['a', 'c', 'other']) end(name);
    await turns();
    end('d');
    expect(await Promise.all([...results, other])).toEqual(['a', 'b', 'c', 'd', 'other']);
  });

  test('refuses what waits for too long, as a database that does not answer', async () => {
    const limit = new ConcurrencyLimit(1, WAIT_MS);
    const { begun, end, of } = work();
    const first = limit.run('one', of('a'));
    const refused: unknown = await limit.run('one', of('b')).catch((error: unknown) => error);
    expect(databaseFault(refused)).toMatchObject({ code: 'database_unavailable' });
    end('a');
    expect(await first).toBe('a');
    void limit.run('one', of('c'));
    await turns();
    expect(begun).toEqual(['a', 'c']);
  });

  test('refuses nothing of a burst that waits for longer, while what is under way is answered', async () => {
    const limit = new ConcurrencyLimit(1, WAIT_MS);
    const answer = () => new Promise<string>((resolve) => setTimeout(resolve, WAIT_MS / 4, 'answered'));
    const burst = Array.from({ length: 20 }, () => limit.run('one', answer));
    expect(await Promise.all(burst)).toEqual(burst.map(() => 'answered'));
  });

  test('refuses nothing while its subject answers otherwise', async () => {
    let isAnswering = true;
    const limit = new ConcurrencyLimit(1, WAIT_MS, (about) => about === 'one' && isAnswering);
    const { end, of } = work();
    const locked = limit.run('one', of('locked'));
    let isRefused = false;
    const next = limit.run('one', of('next')).catch(() => (isRefused = true));
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS * 4));
    expect(isRefused).toBe(false);
    isAnswering = false;
    await next;
    expect(isRefused).toBe(true);
    end('locked');
    expect(await locked).toBe('locked');
  });

  test('refuses what waits while all that is under way fails', async () => {
    const limit = new ConcurrencyLimit(1, WAIT_MS);
    const fail = () =>
      new Promise<string>((_, reject) => setTimeout(reject, WAIT_MS / 4, new Error('no answer')));
    const burst = await Promise.allSettled(Array.from({ length: 20 }, () => limit.run('one', fail)));
    const reasons = burst.map((each) => (each.status === 'rejected' ? String(each.reason) : ''));
    expect(reasons.filter((reason) => reason.includes('Timed out')).length).toBeGreaterThan(5);
  });

  test('gives the place of work that failed to the next', async () => {
    const limit = new ConcurrencyLimit(1, 10_000);
    const failed = limit.run('one', () => Promise.reject(new Error('no')));
    const next = limit.run('one', () => Promise.resolve('next'));
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('next');
  });
});
