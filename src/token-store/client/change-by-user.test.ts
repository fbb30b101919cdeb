import { expect, test } from '@jest/globals';
import type { Prisma } from '../prisma-client/client.js';
import { changeByUser } from './change-by-user.js';
import type { Database } from './database.js';

/** Where the tables are distributed, each transaction is run and nothing else. */
const database = {
  isDistributed: () => true,
  $transaction: (run: (tx: Prisma.TransactionClient) => Promise<unknown>) => run({} as never),
} as unknown as Database;

/** @param states who is concerned, each time when that is asked */
async function visitsOf(states: Record<string, string>[], isLocked = true) {
  const done: string[] = [];
  const read = () => (states.length > 1 ? states.shift() : states[0]) ?? {};
  const result = await changeByUser(database, {
    users: () => Promise.resolve(new Map(Object.entries(read()))),
    each: (_, user) => Promise.resolve(void done.push(user ?? '')),
    ...(isLocked ? { lock: () => Promise.resolve(void done.push('lock')) } : {}),
    last: () => Promise.resolve('last'),
  });
  return [...done, result];
}

test('a change by user visits each one once, and then writes its end', async () => {
  expect(await visitsOf([{ a: '1', b: '1' }])).toEqual(['a', 'b', 'lock', 'last']);
});

test('a change by user also visits those who came since it began, or consented again, before its end is written', async () => {
  const came = [{ a: '1' }, { a: '1', c: '1' }];
  expect(await visitsOf(came)).toEqual(['a', 'lock', 'c', 'lock', 'last']);
  expect(await visitsOf([{ a: '1' }, { a: '2' }])).toEqual(['a', 'lock', 'a', 'lock', 'last']);
});

test('a change by user without a lock concerns those who are there when it begins', async () => {
  expect(await visitsOf([{ a: '1' }, { a: '1', c: '1' }], false)).toEqual(['a', 'last']);
});

test('a change by user that begins before the first connection finds out then that there are several servers', async () => {
  let isKnown = false;
  const fresh = {
    isDistributed: () => isKnown,
    $transaction: (run: (tx: Prisma.TransactionClient) => Promise<unknown>) => {
      isKnown = true;
      return run({} as never);
    },
  } as unknown as Database;
  const visited: (string | null)[] = [];
  const result = await changeByUser(fresh, {
    users: () => Promise.resolve(new Map([['a', '1']])),
    each: (_, user) => Promise.resolve(void visited.push(user)),
    last: () => Promise.resolve('last'),
  });
  expect([visited, result]).toEqual([['a'], 'last']);
});
