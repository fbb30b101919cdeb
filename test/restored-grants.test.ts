import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { freePort } from '../sandbox/trying/postgres.js';
import { startBroker } from '../src/bootstrap.js';
import { readConfiguration } from '../src/config/read-configuration.js';
import { Api } from './support/api.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from './support/test-bed.js';
import { until } from './support/until.js';

/** Google replaces the refresh token, which cannot be stored, and another replica asks with the former one. */
let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
  await bed.sql(`
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`);
});
beforeEach(async () => {
  bed.google.control.reset();
  await bed.reset();
  await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  bed.clock.advance(3600);
  bed.google.control.rotateRefreshTokens(true);
  bed.google.control.clearRequests();
  // Nothing but the end of a grant can be stored.
  await bed.sql(`CREATE TRIGGER failing BEFORE UPDATE OF sealed_refresh_token ON grants FOR EACH ROW
    WHEN (NEW.sealed_refresh_token IS NOT NULL) EXECUTE FUNCTION fail()`);
});
afterAll(() => bed.stop());

const asked = () => bed.google.control.count('token');
const heal = () => bed.sql('DROP TRIGGER failing ON grants');

test('a new refresh token brings back a grant that another replica has called dead with the former one', async () => {
  const other = await startBroker(
    readConfiguration({ ...bed.settings, LOG_LEVEL: 'fatal', PORT: String(await freePort()) }),
    { clock: bed.clock },
  );
  expect((await bed.api.token('alice')).status).toBe(200);
  // As after a crash of the database, which need not have written the lease to its disk.
  await bed.sql('UPDATE grants SET lease_owner = NULL, lease_expires_at = NULL');
  const called = await new Api(await other.getUrl(), bed.api.key).token('alice');
  expect([called.status, called.body['cause']]).toEqual([410, 'user_revoked']);
  await heal();
  const status = async () => (await bed.sql('SELECT status FROM grants'))[0]?.['status'];
  await until(async () => (await status()) === 'active');
  expect(bed.log()).toContain('is active again');
  // Google takes what is stored.
  const before = asked();
  await until(async () => (await bed.api.token('alice')).status === 200);
  expect(asked()).toBe(before + 1);
  expect((await new Api(await other.getUrl(), bed.api.key).token('alice')).status).toBe(200);
  await other.close();
});

test('a new refresh token brings back no grant that a security event or the user has ended', async () => {
  expect((await bed.api.token('alice')).status).toBe(200);
  const ended = { cause: 'session_control', confidence: 'certain', who_must_act: 'user', detail: '' };
  await heal();
  await bed.sql(
    `UPDATE grants SET status = 'reconnect_required', sealed_refresh_token = NULL, credential_version = NULL, diagnosis = $1,
       version = version + 1, lease_owner = NULL, lease_expires_at = NULL`,
    [JSON.stringify(ended)],
  );
  // It takes a slot all the same.
  await until(async () => (await bed.sql('SELECT FROM refresh_tokens WHERE grant_id IS NULL')).length === 1);
  expect((await bed.api.token('alice')).status).toBe(410);
});
