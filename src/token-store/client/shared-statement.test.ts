import { describe, expect, test } from '@jest/globals';
import type { Database } from './database.js';
import { SharedStatement } from './shared-statement.js';
import { StatementBatch } from './statement-batch.js';

/** A cluster in which the server of some users is away. */
function cluster(away: readonly string[]) {
  const database = {
    isDistributed: () => true,
    prepared: (_name: string, _text: string, [user]: readonly string[]) =>
      away.includes(String(user))
        ? Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }))
        : Promise.resolve([{ user }]),
  };
  const text = ({
    asked,
    isUser,
  }: {
    asked: (names: string) => string;
    isUser: (column: string) => string;
  }) => `SELECT user_id AS user FROM ${asked('user_id')} WHERE ${isUser('user_id')}`;
  const statement = new SharedStatement<{ user: string }>(
    database as unknown as Database,
    'test',
    ['text'],
    text,
  );
  return new StatementBatch<string, string>(async (users, isAlone) => {
    const rows = await statement.run(
      users.map((user) => [user]),
      isAlone,
    );
    return users.map((user) => rows.find((row) => row.user === user)?.user ?? null);
  });
}

describe('a shared statement on a cluster', () => {
  test('fails for the users of a server that is away, and for no others', async () => {
    const batch = cluster(['bob']);
    const settled = await Promise.allSettled(['alice', 'bob', 'carol'].map((user) => batch.add(user)));
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });
});
