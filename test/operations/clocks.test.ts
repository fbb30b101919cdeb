/** Replicas whose clocks are wrong. Lifetimes go by the database's clock; waiting goes by a monotonic one. */
import pg from 'pg';
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Fleet, type Replica, startFleet } from '../../sandbox/fleet/fleet.js';
import { seedGrants, seedService } from '../../sandbox/fleet/seed.js';
import { createDatabase } from '../support/test-bed.js';
import { until } from '../support/until.js';

const LIBRARY = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .map((machine) => `/usr/lib/${machine}/faketime/libfaketime.so.1`)
  .find((path) => existsSync(path));
const maybe = LIBRARY === undefined ? describe.skip : describe;
const MINUTES = 60;

interface TokenResponse {
  readonly status: number;
  readonly body: { readonly access_token?: string; readonly expires_in?: number; readonly code?: string };
}

maybe(LIBRARY === undefined ? 'wrong clocks (skipped: no libfaketime here)' : 'wrong clocks', () => {
  let folder: string;
  let fleet: Fleet;
  let database: pg.Client;
  let key: string;
  /** How far a clock is ahead, in seconds, changeable while the replica runs. */
  const ahead = new Map<Replica, (seconds: number) => void>();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'token-broker-clocks-'));
    const url = await createDatabase();
    database = new pg.Client({ connectionString: url });
    await database.connect();
    fleet = await startFleet(url, 1);
    key = await seedService(fleet, database);
    for (const [name, seconds] of [
      ['slow', -10 * MINUTES],
      ['fast', 10 * MINUTES],
      ['set back', 0],
    ] as const) {
      const file = join(folder, name);
      const set = (by: number) => {
        writeFileSync(`${file}.new`, `${by < 0 ? '' : '+'}${by}`);
        renameSync(`${file}.new`, file);
      };
      set(seconds);
      const replica = await fleet.add({
        LD_PRELOAD: LIBRARY ?? '',
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
        DONT_FAKE_MONOTONIC: '1',
      });
      ahead.set(replica, set);
    }
  }, 60_000);
  afterAll(async () => {
    await fleet.stop();
    await database.end();
    rmSync(folder, { recursive: true, force: true });
  });

  const replica = (at: number) => fleet.replicas[at] as Replica;
  const [RIGHT, SLOW, FAST, SET_BACK] = [0, 1, 2, 3];
  const ask = async (at: number, user: string): Promise<TokenResponse> => {
    const response = await fetch(`${replica(at).url}/tokens/${user}`, {
      headers: { authorization: `Bearer ${key}` },
    });
    return { status: response.status, body: (await response.json()) as TokenResponse['body'] };
  };
  const asked = () => fleet.google.control.count('token', 'refresh_token');
  const skew = async (at: number) => {
    const text = await (await fetch(`${replica(at).url}/metrics`)).text();
    return Number(/^token_broker_clock_skew_seconds (\S+)$/m.exec(text)?.[1]);
  };

  test('the skew is measured, and a warning names it', async () => {
    expect(await skew(RIGHT)).toBeCloseTo(0, 0);
    expect(await skew(SLOW)).toBeCloseTo(-10 * MINUTES, 0);
    expect(await skew(FAST)).toBeCloseTo(10 * MINUTES, 0);
    await until(() => replica(SLOW).log().includes('"skew_seconds":-600'));
    await until(() => replica(FAST).log().includes('"skew_seconds":600'));
    expect(replica(RIGHT).log()).not.toContain('skew_seconds');
  });

  test('a token is served until its end and no longer, by every replica', async () => {
    await seedGrants(fleet, database, ['ending'], 5);
    fleet.google.control.failAlways('token', { status: 503, body: '' });
    for (const at of [RIGHT, SLOW, FAST]) {
      const { status, body } = await ask(at, 'ending');
      expect(status).toBe(200);
      expect(body.expires_in).toBeLessThanOrEqual(5);
    }
    await pause(5000);
    for (const at of [RIGHT, SLOW, FAST]) expect((await ask(at, 'ending')).status).toBe(503);
    fleet.google.control.clearFaults();
  });

  test.each([SLOW, FAST])('what a replica with a wrong clock stores is correct for all (%p)', async (at) => {
    const user = `stored-${at}`;
    await seedGrants(fleet, database, [user], 0);
    expect((await ask(at, user)).status).toBe(200);
    const { rows } = await database.query<{ left: number; ago: number; refreshed: number }>(
      `SELECT extract(epoch FROM access_tokens.expires_at - now())::float8 AS left, extract(epoch FROM now() - obtained_at)::float8 AS ago,
         extract(epoch FROM now() - refreshed_at)::float8 AS refreshed
       FROM access_tokens JOIN grants USING (user_id) WHERE user_id = $1`,
      [user],
    );
    const [row] = rows;
    expect(row?.left).toBeGreaterThan(3570);
    expect(row?.left).toBeLessThanOrEqual(3600);
    for (const seconds of [row?.ago, row?.refreshed]) {
      expect(seconds).toBeGreaterThan(-1);
      expect(seconds).toBeLessThan(30);
    }
    for (const other of [RIGHT, SLOW, FAST])
      expect((await ask(other, user)).body.expires_in).toBeGreaterThan(3500);
  });

  test('a grant that backs off and an open circuit retry in time where a clock is set back an hour', async () => {
    const users = Array.from({ length: 30 }, (_, user) => `backing-off-${user}`);
    await seedGrants(fleet, database, users, 0);
    fleet.google.control.failAlways('token', { status: 503, body: '' });
    const failed = await Promise.all(users.map((user) => ask(SET_BACK, user)));
    expect(new Set(failed.map(({ status }) => status))).toEqual(new Set([503]));
    const before = asked();
    expect(before).toBeGreaterThanOrEqual(20);
    ahead.get(replica(SET_BACK))?.(-60 * MINUTES);
    fleet.google.control.clearFaults();
    await until(async () => (await ask(SET_BACK, 'backing-off-0')).status === 200, 20_000);
    expect(await skew(SET_BACK)).toBeCloseTo(-60 * MINUTES, 0);
  }, 60_000);

  test('a broker is not ready beyond the maximum skew, says why, and is ready again when the clock is right', async () => {
    const readiness = async () => (await fetch(`${replica(SET_BACK).url}/health/ready`)).status;
    ahead.get(replica(SET_BACK))?.(-60 * MINUTES);
    await until(async () => (await readiness()) === 503);
    const response = await fetch(`${replica(SET_BACK).url}/health/ready`);
    expect(await response.json()).toMatchObject({
      code: 'clock_skewed',
      detail: expect.stringContaining('behind'),
    });
    ahead.get(replica(SET_BACK))?.(0);
    await until(async () => (await readiness()) === 200);
  });
});
