import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { type AuditRow, toAuditRow } from './audit-rows.js';
import { PartlyWritten, WriteBehind } from './write-behind.js';
import { WriteByServer } from './write-by-server.js';

const AWAY = Object.assign(new Error('connection to the remote node failed'), { code: '08006' });
const BAD = Object.assign(new Error('a row that PostgreSQL does not accept'), { code: '22P05' });

/** A cluster of two servers for rows; user-1, user-3, … are at the first one. A statement with rows of one that is away fails whole. */
function cluster() {
  const state = {
    away: new Set<number>(),
    bad: new Set<string>(),
    hangingMs: 0,
    isCoordinatorAway: false,
    statements: 0,
  };
  const written: string[] = [];
  const serverOf = (user: string) => (Number(user.at(-1)) % 2 === 1 ? 1 : 2);
  const unprepared = (text: string, values: readonly unknown[] = []) => {
    if (state.isCoordinatorAway) return Promise.reject(new Error('ECONNREFUSED'));
    if (!text.includes('INSERT INTO audit_trail')) {
      const users = values[0] as string[];
      return Promise.resolve(users.map((user) => ({ user, server: serverOf(user) })));
    }
    state.statements++;
    const users = values.filter((value) => String(value).startsWith('user-')).map(String);
    if (users.some((user) => state.away.has(serverOf(user))))
      return sleep(state.hangingMs, undefined, { ref: false }).then(() => Promise.reject(AWAY));
    if (users.some((user) => state.bad.has(user))) return Promise.reject(BAD);
    written.push(...users);
    return Promise.resolve([]);
  };
  const writer = new WriteByServer({ isDistributed: () => true, unprepared: unprepared as never });
  return { state, written, writer };
}

const rowsOf = (...users: number[]) =>
  users.map((user) =>
    toAuditRow({ at: new Date(), action: 'token.issue', outcome: 'ok', actor: 'me', userId: `user-${user}` }),
  );
const due = () => ({ startedAt: performance.now(), isAsked: false });
const failedOf = (writing: Promise<void>) =>
  writing.then(
    () => [],
    (fault: unknown) => (fault instanceof PartlyWritten ? [...fault.failed] : fault),
  );

describe('audit rows of several servers', () => {
  test('are written by one statement as a rule', async () => {
    const { state, written, writer } = cluster();
    await writer.write(rowsOf(1, 2, 3));
    expect([state.statements, written]).toEqual([1, ['user-1', 'user-2', 'user-3']]);
  });

  test('are written at the servers that are there, and only the others fail', async () => {
    const { state, written, writer } = cluster();
    state.away.add(1);
    expect(await failedOf(writer.write(rowsOf(1, 2, 3, 4)))).toEqual([0, 2]);
    expect(written).toEqual(['user-2', 'user-4']);
    // Not as a batch that fails whole, which those behind it wait for.
    expect(await failedOf(writer.write(rowsOf(1, 3)))).toEqual([0, 1]);
    await expect(writer.write(rowsOf(1))).rejects.toMatchObject({ cause: AWAY });
  });

  test('do not try a server again that has just failed, and do when a retry is due a moment later', async () => {
    const { state, written, writer } = cluster();
    state.away.add(1);
    await failedOf(writer.write(rowsOf(1, 2)));
    state.statements = 0;
    expect(await failedOf(writer.write(rowsOf(3, 4)))).toEqual([0]);
    expect(await failedOf(writer.write(rowsOf(1), due()))).toEqual([0]);
    expect(state.statements).toBe(1);
    state.away.clear();
    await sleep(700);
    expect(await failedOf(writer.write(rowsOf(1, 3, 6), due()))).toEqual([]);
    expect(written).toEqual(['user-2', 'user-4', 'user-1', 'user-3', 'user-6']);
    state.statements = 0;
    expect(await failedOf(writer.write(rowsOf(5, 6)))).toEqual([]);
    expect(state.statements).toBe(1);
  });

  test('do not wait for a server that does not answer, also when it may be tried again', async () => {
    const { state, written, writer } = cluster();
    state.away.add(1);
    await failedOf(writer.write(rowsOf(1, 2)));
    state.hangingMs = 30_000;
    await sleep(700);
    const startedAt = performance.now();
    expect(await failedOf(writer.write(rowsOf(3, 4)))).toEqual([0]);
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    expect(written).toEqual(['user-2', 'user-4']);
  });

  test('are tried at once at a server that has just failed where a caller waits for it, and once only', async () => {
    const { state, writer } = cluster();
    state.away.add(1);
    await failedOf(writer.write(rowsOf(1, 2)));
    const asked = { startedAt: performance.now(), isAsked: true };
    state.statements = 0;
    expect(await failedOf(writer.write(rowsOf(1), asked))).toEqual([0]);
    expect(await failedOf(writer.write(rowsOf(3), asked))).toEqual([0]);
    expect(state.statements).toBe(1);
  });

  test.each(['flush', 'close'] as const)(
    'are written by a %s as soon as their server is back',
    async (last) => {
      const { state, written, writer } = cluster();
      const waiting = new WriteBehind<AuditRow>(
        (rows, retry) => writer.write(rows, retry),
        () => undefined,
        10,
      );
      state.away.add(1);
      for (const row of rowsOf(1, 2)) waiting.add(row);
      await expect(waiting.flush()).rejects.toThrow(AWAY.message);
      state.away.clear();
      await waiting[last]();
      expect([written, waiting.waiting]).toEqual([['user-2', 'user-1'], 0]);
    },
  );

  test('fail alone where PostgreSQL does not accept them, and keep no other row of their server waiting', async () => {
    const { state, written, writer } = cluster();
    state.bad.add('user-5').add('user-6');
    expect(await failedOf(writer.write(rowsOf(1, 3, 5, 7, 9, 2, 4, 6)))).toEqual([2, 7]);
    expect(written.sort()).toEqual(['user-1', 'user-2', 'user-3', 'user-4', 'user-7', 'user-9']);
    await expect(writer.write(rowsOf(5))).rejects.toMatchObject({ cause: BAD });
    state.statements = 0;
    // Its server is not away.
    expect(await failedOf(writer.write(rowsOf(1, 2)))).toEqual([]);
    expect(state.statements).toBe(1);
  });

  test('fail all of a server that goes away while one is searched for that PostgreSQL does not accept', async () => {
    const { state, writer } = cluster();
    state.bad.add('user-5');
    const users = Array.from({ length: 64 }, () => 1);
    const writing = failedOf(writer.write(rowsOf(...users, 5, 2)));
    for (let turn = 0; turn < 12; turn++) await Promise.resolve();
    expect(state.statements).toBeGreaterThan(2);
    state.away.add(1);
    const before = state.statements;
    expect(await writing).toEqual(Array.from({ length: 65 }, (_, place) => place));
    expect(state.statements).toBeLessThanOrEqual(before + 1);
  });

  test('fail all where the coordinator is away', async () => {
    const { state, writer } = cluster();
    state.isCoordinatorAway = true;
    expect(await failedOf(writer.write(rowsOf(1, 2)))).toMatchObject({ message: 'ECONNREFUSED' });
  });
});
