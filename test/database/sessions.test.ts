import pg from 'pg';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { query } from '../cli/token-broker.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';

interface Ready {
  readonly status: number;
  readonly detail: string | undefined;
}

async function ready(bed: TestBed): Promise<Ready> {
  const response = await fetch(`${bed.url}/health/ready`);
  const body = (await response.json()) as { detail?: string };
  return { status: response.status, detail: body.detail };
}

describe('session settings of a role, a database or a URL', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed(async (databaseUrl, ownerUrl) => {
      const name = new URL(databaseUrl).pathname.slice(1);
      for (const setting of [
        "timezone = 'America/New_York'",
        "datestyle = 'SQL, DMY'",
        "default_transaction_isolation = 'serializable'",
        'synchronous_commit = off',
        'session_replication_role = replica',
        "statement_timeout = '300ms'",
        "lock_timeout = '300ms'",
        "search_path = 'elsewhere'",
        "client_encoding = 'LATIN1'",
        "bytea_output = 'escape'",
        "lc_messages = 'C'",
      ]) {
        await query(ownerUrl, `ALTER DATABASE ${name} SET ${setting}`);
      }
      return { DATABASE_URL: `${databaseUrl}?options=-c%20TimeZone%3DAsia/Kolkata` };
    });
  });
  afterAll(() => bed.stop());

  test('change nothing for the broker', async () => {
    const page = await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
    expect(page.status).toBe(200);
    for (let call = 0; call < 2; call++) {
      const { status, body } = await bed.api.token('alice');
      expect(status).toBe(200);
      expect(body['expires_in']).toBeGreaterThan(3500);
      expect(body['expires_in']).toBeLessThanOrEqual(3600);
      // From the cache, from the database.
      await bed.restart();
    }
    await pause(600);
    expect((await ready(bed)).status).toBe(200);
    const { grants } = (await bed.api.get('/users/alice/grants')).body as {
      grants: { created_at: string }[];
    };
    const [grant] = grants;
    expect(Math.abs(Date.parse(grant?.created_at ?? '') - Date.now())).toBeLessThan(60_000);
    // Triggers run: another connection is notified.
    await query(
      bed.ownerUrl,
      `SET session_replication_role = origin; SET statement_timeout = 0; SET lock_timeout = 0; DELETE FROM public.grants`,
    );
    await until(async () => (await bed.api.token('alice')).status === 404);
  });
});

describe('a database role with a password and a limit', () => {
  let bed: TestBed;
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-rotation-'));
  const file = join(folder, 'database-url');
  const role = `role_${randomUUID().replaceAll('-', '')}`;
  let own = '';

  beforeAll(async () => {
    bed = await startTestBed(async (_, ownerUrl) => {
      own = ownerUrl;
      await query(
        own,
        `CREATE ROLE ${role} LOGIN PASSWORD 'first'; GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ${role}`,
      );
      write('first');
      return { DATABASE_URL: '', DATABASE_URL_FILE: file };
    });
    await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  });
  afterAll(async () => {
    await bed.stop();
    await query(own, `DROP OWNED BY ${role}; DROP ROLE ${role}`);
    rmSync(folder, { recursive: true });
  });

  const write = (password: string) => {
    const url = new URL(own);
    url.username = role;
    url.password = password;
    writeFileSync(file, `${url.href}\n`);
  };
  const cut = () =>
    query(own, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`);

  const untilRefused = (detail: string) =>
    until(async () => {
      const refusal = await ready(bed);
      return refusal.status === 503 && (refusal.detail ?? '').includes(detail);
    });

  test('has an outage while its password is wrong, and a new one in the file is used without a restart', async () => {
    await query(own, `ALTER ROLE ${role} PASSWORD 'second'`);
    await cut();
    expect((await bed.api.get('/users/alice/grants')).status).toBe(503);
    // A check may take a session that has just been terminated, and reports that.
    await untilRefused('The database does not accept the user or password in DATABASE_URL.');
    write('second');
    await until(async () => (await bed.api.get('/users/alice/grants')).status === 200);
    await until(async () => (await ready(bed)).status === 200);
    expect(bed.log()).not.toContain('second');
  });

  test('gives 503 and is not ready while no connection is left, then is ready again', async () => {
    await query(own, `ALTER ROLE ${role} CONNECTION LIMIT 0`);
    await cut();
    expect((await bed.api.get('/users/alice/grants')).status).toBe(503);
    await untilRefused('has no connection left');
    await query(own, `ALTER ROLE ${role} CONNECTION LIMIT -1`);
    await until(async () => (await ready(bed)).status === 200);
  });

  test('is named with a missing privilege', async () => {
    await query(own, `REVOKE SELECT ON grants FROM ${role}`);
    expect((await bed.api.get('/users/alice/grants')).status).toBe(503);
    await query(own, `GRANT SELECT ON grants TO ${role}`);
    expect((await bed.api.get('/users/alice/grants')).status).toBe(200);
  });

  test('loses no session that the broker uses where the server ends idle sessions', async () => {
    await query(own, `ALTER ROLE ${role} SET idle_session_timeout = 300`);
    await cut();
    await until(async () => (await bed.api.get('/users/alice/grants')).status === 200);
    const pids = () =>
      query(
        own,
        `SELECT pid FROM pg_stat_activity WHERE usename = '${role}' AND application_name = 'token-broker'`,
      );
    const before = await pids();
    // One that is idle since later than those is ended.
    const url = new URL(own);
    url.username = role;
    url.password = 'second';
    const marker = new pg.Client({ connectionString: url.href });
    marker.on('error', () => undefined);
    const ended = new Promise((resolve) => marker.once('end', resolve));
    await marker.connect();
    await ended;
    // A job may have opened another one.
    expect(await pids()).toEqual(expect.arrayContaining(before));
    await query(own, `ALTER ROLE ${role} RESET idle_session_timeout`);
  });

  test('is named with triggers that are bypassed, which it cannot undo', async () => {
    await query(own, `ALTER ROLE ${role} SET session_replication_role = replica`);
    await cut();
    await until(async () => {
      const response = await fetch(`${bed.url}/health/ready`);
      return (await response.text()).includes('triggers_bypassed');
    });
    await query(own, `ALTER ROLE ${role} RESET session_replication_role`);
    await cut();
    await until(async () => (await ready(bed)).status === 200);
  });
});
