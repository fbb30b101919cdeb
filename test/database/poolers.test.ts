import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { emptyDatabase, query, tokenBroker } from '../cli/token-broker.js';
import { type PgBouncer, startPgBouncer, WITHOUT_PGBOUNCER } from '../support/pgbouncer.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { type Receiver, startReceiver } from '../support/webhook-receiver.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';

const run = WITHOUT_PGBOUNCER === '' ? describe : describe.skip;

interface Setup {
  readonly name: string;
  readonly mode: 'session' | 'transaction';
  readonly settings: (direct: string) => Record<string, string>;
}

const SETUPS: Setup[] = [
  { name: 'session mode, nothing said', mode: 'session', settings: () => ({}) },
  { name: 'session mode, said so', mode: 'session', settings: () => ({ DATABASE_POOLER: 'session' }) },
  { name: 'transaction mode, nothing said', mode: 'transaction', settings: () => ({}) },
  {
    name: 'transaction mode, said so',
    mode: 'transaction',
    settings: () => ({ DATABASE_POOLER: 'transaction' }),
  },
  {
    name: 'transaction mode, with a direct URL for what needs a session',
    mode: 'transaction',
    settings: (direct) => ({ DATABASE_DIRECT_URL: direct }),
  },
];

describe.each(SETUPS)(`PgBouncer in $name${WITHOUT_PGBOUNCER}`, ({ mode, settings }) => {
  run('the broker', () => {
    let pooler: PgBouncer;
    let bed: TestBed;
    let receiver: Receiver;

    beforeAll(async () => {
      receiver = await startReceiver(() => new Date());
      bed = await startTestBed(async (databaseUrl, ownerUrl) => {
        // What others may set for a session: the broker must not depend on it.
        const name = new URL(databaseUrl).pathname.slice(1);
        for (const setting of [
          "timezone = 'America/New_York'",
          "datestyle = 'SQL, DMY'",
          "intervalstyle = 'sql_standard'",
        ])
          await query(ownerUrl, `ALTER DATABASE ${name} SET ${setting}`);
        pooler = await startPgBouncer(databaseUrl, mode);
        return {
          DATABASE_URL: pooler.url,
          AUDIT_FLUSH_SECONDS: '1',
          ...settings(databaseUrl),
        };
      });
      await bed.webhook({ url: receiver.url, secret: receiver.secret });
    });
    afterAll(async () => {
      await bed.stop();
      await pooler.stop();
      await receiver.close();
    });

    test('lets the broker become ready', async () => {
      expect((await fetch(`${bed.url}/health/ready`)).status).toBe(200);
    });

    test('lets it connect, serve, refresh and disconnect, for many at a time', async () => {
      const users = Array.from({ length: 12 }, (_, user) => `user-${user}`);
      for (const user of users) {
        const account = user.endsWith('1') ? BOB.email : ALICE.email;
        expect((await bed.api.connect({ user_id: user, scope: YOUTUBE }, { account })).status).toBe(200);
      }
      const ask = () => Promise.all(users.map((user) => bed.api.token(user)));
      for (let round = 0; round < 3; round++) {
        for (const { status, body } of await ask()) {
          expect({ status, code: body['code'] }).toEqual({ status: 200 });
          expect(body['expires_in']).toBeGreaterThan(3500);
          expect(body['expires_in']).toBeLessThanOrEqual(3600);
        }
      }
      bed.clock.advance(3590);
      const refreshed = await ask();
      expect(new Set(refreshed.map(({ status }) => status))).toEqual(new Set([200]));
      expect(refreshed[0]?.body['expires_in']).toBeGreaterThan(3500);

      const { grants } = (await bed.api.get('/users/user-0/grants')).body as {
        grants: { id: string; created_at: string }[];
      };
      const [grant] = grants;
      expect(Math.abs(Date.parse(grant?.created_at ?? '') - Date.now())).toBeLessThan(60_000);
      expect((await bed.api.delete(`/grants/${grant?.id ?? ''}`, { mode: 'local' })).status).toBe(200);
      expect((await bed.api.token('user-0')).status).toBe(404);
      await receiver.wait(users.length + 1, 10_000);
    });

    test('keeps the audit trail, and finds in it by time', async () => {
      const auditor = await bed.service({ audit: true });
      await bed.app.get(AuditLog).flush();
      const since = new Date(Date.now() - 120_000).toISOString();
      const { status, body } = await auditor.get('/audit', { user: 'user-0', since });
      expect(status).toBe(200);
      const events = body['events'] as { action: string; at: string }[];
      expect(events.map(({ action }) => action)).toContain('token.issue');
    });

    test('has no settings left behind for others who share its sessions', async () => {
      const client = new pg.Client({ connectionString: pooler.url });
      await client.connect();
      const { rows } = await client.query(
        `SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock`,
      );
      await client.end();
      expect(rows).toEqual([{ statement: '0', lock: '0' }]);
    });

    test('causes no logged fault', () => {
      const faults = bed
        .log()
        .split('\n')
        .filter((line) => /"level":"(error|fatal)"/.test(line));
      expect(faults).toEqual([]);
    });
  });
});

const REFUSED =
  'PgBouncer in pool_mode=statement is not supported: it refuses transactions. Use pool_mode=transaction or session.';

describe(`PgBouncer in statement mode${WITHOUT_PGBOUNCER}`, () => {
  run.each<Record<string, string>>([{}, { DATABASE_POOLER: 'session' }, { DATABASE_POOLER: 'transaction' }])(
    'with %j',
    (more) => {
      test('the broker is not ready and says why, and calls are 503', async () => {
        let pooler: PgBouncer | undefined;
        const bed = await startTestBed();
        try {
          pooler = await startPgBouncer(bed.settings['DATABASE_URL'] ?? '', 'statement');
          await bed.restart({ ...more, DATABASE_URL: pooler.url });
          const response = await fetch(`${bed.url}/health/ready`);
          expect([response.status, await response.json()]).toEqual([
            503,
            expect.objectContaining({ code: 'database_unavailable', detail: REFUSED }),
          ]);
          expect(await bed.api.token('alice')).toMatchObject({
            status: 503,
            body: { code: 'database_unavailable' },
          });
        } finally {
          await bed.stop();
          await pooler?.stop();
        }
      });
    },
  );

  run('token-broker migrate', () => {
    test('says why it cannot', async () => {
      const pooler = await startPgBouncer(await emptyDatabase(), 'statement');
      try {
        const { code, stderr } = await tokenBroker(['migrate'], { DATABASE_URL: pooler.url });
        expect(code).not.toBe(0);
        expect(stderr).toContain(REFUSED);
      } finally {
        await pooler.stop();
      }
    });
  });
});

describe.each(['session', 'transaction'] as const)(
  `migrate through PgBouncer in %s mode${WITHOUT_PGBOUNCER}`,
  (mode) => {
    run('token-broker migrate', () => {
      test('applies all migrations, again finds nothing to do, and leaves no lock', async () => {
        const direct = await emptyDatabase();
        const pooler = await startPgBouncer(direct, mode);
        const env = { DATABASE_URL: pooler.url };
        try {
          expect(await tokenBroker(['migrate'], env)).toMatchObject({ code: 0, stderr: '' });
          expect(await tokenBroker(['migrate'], env)).toMatchObject({
            code: 0,
            stdout: 'The database is up to date.\n',
          });
          expect(
            await query(
              direct,
              `SELECT * FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
            ),
          ).toEqual([]);
          // Whichever mode it has: it needs a session of its own, and a pooler does not say whether it gives one.
          expect(await tokenBroker(['migrate', '--distribute'], env)).toMatchObject({
            code: 3,
            stderr: expect.stringContaining('leads to a pooler') as unknown,
          });
        } finally {
          await pooler.stop();
        }
      });
    });
  },
);
