import { describe, expect, test } from '@jest/globals';
import type { Database } from './database.js';
import { SharedStatement, type SharedText } from './shared-statement.js';
import { StatementBatch } from './statement-batch.js';
import type { UserStatement } from './worker-pools.js';

const AWAY = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

/** A statement of a cluster, each of which is answered or refused when the test does so. */
function cluster() {
  const asked = new Map<string, { answer: () => void; refuse: () => void }>();
  const database = {
    isDistributed: () => true,
    preparedAtCoordinator: ({ userId: user }: UserStatement) =>
      new Promise((resolve, reject) => {
        const refuse = () => {
          reject(AWAY);
        };
        asked.set(user, {
          answer: () => {
            resolve([{ user }]);
          },
          refuse,
        });
      }),
  };
  const text: SharedText = ({ asked: from, isUser }) =>
    `SELECT user_id AS user FROM ${from('user_id')} WHERE ${isUser('user_id')}`;
  const statement = new SharedStatement<{ user: string }>(
    database as unknown as Database,
    'test',
    ['text'],
    text,
  );
  const batch = new StatementBatch<string, string>(
    async (users, isAlone) => {
      const rows = await statement.run(
        users.map((user) => [user]),
        isAlone,
      );
      return users.map((user) => rows.find((row) => row.user === user)?.user ?? null);
    },
    () => true,
  );
  return { asked, batch };
}

describe('a shared statement on a cluster', () => {
  test('fails for the users of a server that is away, and for no others', async () => {
    const { asked, batch } = cluster();
    const outputs = Promise.allSettled(['alice', 'bob', 'carol'].map((user) => batch.add(user)));
    for (const [user, { answer, refuse }] of asked) (user === 'bob' ? refuse : answer)();
    expect((await outputs).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  test('is answered for a user while a server is silent to others, however many these are', async () => {
    const { asked, batch } = cluster();
    for (let user = 0; user < 200; user++) void batch.add(`silent-${user}`);
    const output = batch.add('alice');
    asked.get('alice')?.answer();
    expect(await output).toBe('alice');
  });
});
