import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { AuditEntry } from '../../domain/audit-entry.js';
import { Meter } from '../../domain/metrics/meter.js';
import { AuditLog } from './audit-log.repository.js';

const AWAY = Object.assign(new Error('connection to the remote node failed'), { code: '08006' });
const BAD = Object.assign(new Error('a row that PostgreSQL does not accept'), { code: '22P05' });

/** A trail at one server, or at two; rows of `user-away` are at the one that can be away. */
function trail(isDistributed: boolean) {
  const state = { isAway: false };
  const written: string[] = [];
  const run = (text: string, values: readonly unknown[]) => {
    if (!text.includes('INSERT INTO audit_trail')) {
      const users = values[0] as string[];
      return Promise.resolve(users.map((user) => ({ user, server: user === 'user-away' ? 1 : 2 })));
    }
    const users: readonly string[] = JSON.stringify(values).match(/user-\w+/g) ?? [];
    if (state.isAway && users.includes('user-away')) return Promise.reject(AWAY);
    if (users.includes('user-bad')) return Promise.reject(BAD);
    written.push(...users);
    return Promise.resolve([]);
  };
  const database = {
    isDistributed: () => isDistributed,
    unprepared: run,
    prepared: (_: string, text: string, values: readonly unknown[]) => run(text, values),
  };
  const health = { isOutage: () => true };
  const log = new AuditLog(database as never, health as never, { auditFlushMs: 10 } as never, new Meter());
  return { log, state, written };
}

const entryOf = (userId: string): AuditEntry => ({
  ...{ at: new Date(), action: 'token.issue', outcome: 'denied', actor: 'me' },
  userId,
});

describe('the audit log', () => {
  const logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  afterEach(() => {
    logged.mockClear();
  });

  test('logs each outage once, also the one after what was refused is written', async () => {
    const { log, state, written } = trail(true);
    for (const outage of [1, 2]) {
      state.isAway = true;
      log.record(entryOf('user-away'));
      while (logged.mock.calls.length < outage) await sleep(10);
      await expect(log.flush()).rejects.toThrow(AWAY.message);
      state.isAway = false;
      await log.flush();
      expect([logged.mock.calls.length, written.length]).toEqual([outage, outage]);
    }
  });

  test.each([[true], [false]])(
    'keeps only the row waiting that PostgreSQL does not accept where a trail over several servers is %s',
    async (isDistributed) => {
      const { log, written } = trail(isDistributed);
      for (const user of ['user-1', 'user-bad', 'user-2']) log.record(entryOf(user));
      await log.flush(['user-1', 'user-2']);
      await expect(log.flush(['user-bad'])).rejects.toThrow(BAD.message);
      expect(written).toEqual(['user-1', 'user-2']);
    },
  );
});
