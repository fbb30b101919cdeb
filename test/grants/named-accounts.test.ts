/**
 * An imported grant whose account only the caller named: Google says nothing of it, so that it may be of another account than the caller
 * says. It counts for itself alone, and what a service learns by naming an account is what it may see.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { emptyFolder, tokenBroker } from '../cli/token-broker.js';
import type { Api } from '../support/api.js';
import { ADS, ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';

const EMAIL = 'https://www.googleapis.com/auth/userinfo.email';
const LIMIT = 3;

let bed: TestBed;
/** Of a service that imports for its own users only. */
let crm: Api;
beforeAll(async () => {
  bed = await startTestBed({ IMPORT_RATE: '1000', SLOT_LIMIT: String(LIMIT), GOOGLE_TIMEOUT_MS: '4000' });
  await bed.webhook({ url: 'http://127.0.0.1:9/' });
  crm = await bed.service({ import: true, revoke: true, disconnect: true, users: ['crm-*'] });
});
beforeEach(async () => {
  bed.google.control.reset();
  bed.google.control.setSlotLimit(LIMIT);
  await bed.reset();
});
afterAll(() => bed.stop());

type Item = Record<string, unknown>;

/** A token of Bob's account; which one it is of says its answer only with `openid`. */
const issue = (scopes = [YOUTUBE], client = 'default') =>
  bed.google.control.issueRefreshToken(BOB.sub, client, scopes);
const importAll = async (grants: Item[], more: Item = {}, caller = crm) =>
  (await caller.post('/grants/import', { grants, ...more })).body['results'] as Item[];
const importOne = async (item: Item, more: Item = {}, caller = crm) =>
  (await importAll([item], more, caller))[0] ?? {};
/** Says that Bob's token is of Alice's account. */
const importAsAlices = (user_id: string, scopes?: string[]) =>
  importOne({ user_id, refresh_token: issue(scopes), account: ALICE.sub });
const connect = (user_id: string, { email } = ALICE as { email: string }, more: Item = {}) =>
  bed.api.connect({ user_id, scope: YOUTUBE, ...more }, { account: email });
const grantOf = async (user: string) => {
  const { body } = await bed.api.get(`/users/${user}/grants`);
  return (body['grants'] as Item[])[0];
};
const statusOf = async (user: string) => (await grantOf(user))?.['status'];
const revoke = async (user: string, more: Record<string, string> = {}, caller = crm) =>
  caller.delete(`/grants/${String((await grantOf(user))?.['id'])}`, { mode: 'revoke', ...more });
const slotsOf = async (user: string, caller = bed.api) => {
  const { body } = await caller.get(`/grants/${String((await grantOf(user))?.['id'])}`);
  return body['slots'] as Item;
};
const reconnects = () => bed.sql(`SELECT 1 FROM outbox_events WHERE type = 'grant.reconnect_required'`);
const live = ({ sub }: { readonly sub: string }) => bed.google.control.liveRefreshTokens(sub, 'default');

test('a grant of a named account that is revoked at Google ends alone', async () => {
  await connect('alice');
  const { grant_id } = await importAsAlices('crm-1');
  const preview = await revoke('crm-1', { dry_run: 'true' });
  expect(preview.body).toMatchObject({ also_revoked_total: 0 });
  const revoked = await revoke('crm-1');
  expect(revoked).toMatchObject({ status: 200, body: { also_revoked_total: 0 } });
  expect(live(BOB)).toEqual([]);
  expect(await bed.sql('SELECT 1 FROM grants WHERE id = $1', [grant_id])).toEqual([]);
  expect(await statusOf('alice')).toBe('active');
  bed.clock.advance(3600);
  expect((await bed.api.token('alice')).status).toBe(200);
  expect((await slotsOf('alice'))['used']).toBe(1);
  expect(await reconnects()).toEqual([]);
});

test('a grant of a named account is alone also while Google does not confirm that it is revoked', async () => {
  await connect('alice');
  await importAsAlices('crm-1');
  expect((await bed.api.token('alice')).status).toBe(200);
  bed.google.control.failAlways('revoke', { status: 503, body: '' });
  expect((await revoke('crm-1')).status).toBe(202);
  expect(await statusOf('crm-1')).toBe('revoking');
  expect((await bed.api.token('crm-1')).status).toBe(410);
  expect(await statusOf('alice')).toBe('active');
  expect((await bed.api.token('alice', { min_ttl: '3000' })).status).toBe(200);
  bed.google.control.clearFaults();
  await bed.sql('UPDATE revocations SET next_attempt_at = now()');
  await until(async () => (await grantOf('crm-1')) === undefined);
  expect(await statusOf('alice')).toBe('active');
  expect(await reconnects()).toEqual([]);
});

test('a grant of an account that Google named still ends those of the account when it is revoked', async () => {
  await connect('alice');
  await connect('alice-too');
  await importAsAlices('crm-1');
  expect((await revoke('alice', {}, bed.api)).body).toMatchObject({ also_revoked_total: 2 });
  expect(await statusOf('alice-too')).toBe('revoked');
  expect(live(ALICE)).toEqual([]);
});

test('an imported grant whose account Google names ends those of the account when it is revoked', async () => {
  await connect('bob', BOB);
  await importOne({ user_id: 'crm-1', refresh_token: issue(['openid', EMAIL, YOUTUBE]) });
  expect((await revoke('crm-1')).body).toMatchObject({ also_revoked_total: 1 });
  expect(await statusOf('bob')).toBe('revoked');
});

test('a grant that came alone ends those of its account once its user has connected that', async () => {
  await connect('alice');
  await importAsAlices('crm-1');
  for (const token of live(BOB)) bed.google.control.endRefreshToken(token);
  bed.clock.advance(3600);
  expect((await bed.api.token('crm-1')).status).toBe(410);
  await connect('crm-1');
  expect((await revoke('crm-1')).body).toMatchObject({ also_revoked_total: 1 });
  expect(await statusOf('alice')).toBe('revoked');
});

test('tokens of a named account take no slot of it from others', async () => {
  await connect('alice');
  const users = Array.from({ length: LIMIT }, (_, n) => `crm-${n}`);
  const items = users.map((user_id) => ({ user_id, refresh_token: issue(), account: ALICE.sub }));
  expect((await importAll(items)).map(({ status }) => status)).toEqual(users.map(() => 'imported'));
  expect(await slotsOf('alice')).toMatchObject({ used: 1, used_by_account: 1 });
  const { text } = await connect('alice-too', ALICE, { require_account: { sub: ALICE.sub } });
  expect(text).toContain('Connected');
  expect(live(ALICE)).toHaveLength(2);
  expect(await slotsOf('alice-too')).toMatchObject({ used: 2, used_by_account: 2 });
  expect(await bed.sql('SELECT 1 FROM refresh_tokens WHERE ended_at IS NOT NULL')).toEqual([]);
  // How many tokens others have of that account is not for the caller to know.
  expect(await slotsOf('crm-0', crm)).toMatchObject({ used: 1, used_by_account: 1 });
});

test('a refresh token that Google gives in place of one of a named account is of that account by the same word', async () => {
  await connect('alice');
  await importAsAlices('crm-1');
  bed.google.control.rotateRefreshTokens(true);
  bed.clock.advance(3600);
  const before = live(BOB);
  expect((await bed.api.token('crm-1')).status).toBe(200);
  expect(live(BOB)).not.toEqual(before);
  expect((await slotsOf('alice'))['used']).toBe(1);
  expect((await revoke('crm-1')).body).toMatchObject({ also_revoked_total: 0 });
  expect(await statusOf('alice')).toBe('active');
});

test('a security event that names an address ends nothing of the account that a caller named beside it', async () => {
  await connect('alice');
  // Google confirms the address, and the caller names the account.
  expect(await importAsAlices('crm-1', [EMAIL, ADS])).toMatchObject({
    account: { sub: ALICE.sub, email: BOB.email },
  });
  const subject = { subject_type: 'id_token_claims', email: BOB.email };
  const to = `${bed.url}/security-events/google`;
  const sent = await bed.google.control.sendSecurityEvent({ type: 'tokens-revoked', subject, to });
  expect(sent.status).toBe(202);
  expect(await statusOf('alice')).toBe('active');
});

test('an address that a service names leads to the account of a grant that it may see, and to no other', async () => {
  await connect('alice');
  const item = { user_id: 'crm-1', refresh_token: issue(), account: ALICE.email };
  const unknown = await importOne(item, { dry_run: true });
  expect(unknown).toMatchObject({ status: 'refused', cause: 'account_unknown', account: null });
  // Nor does a refusal say that another account has the address.
  const named = { ...item, refresh_token: issue(['openid', ADS]) };
  expect(await importOne(named, { dry_run: true })).toMatchObject({ account: { sub: BOB.sub } });
  const ofOtherClient = await bed.service({ import: true, clients: ['second'] });
  const second = { ...item, client: 'second', refresh_token: issue([YOUTUBE], 'second') };
  expect(await importOne(second, { dry_run: true }, ofOtherClient)).toMatchObject({
    cause: 'account_unknown',
  });
  await connect('crm-2');
  expect(await importOne(item, { dry_run: true })).toMatchObject({
    status: 'imported',
    account: { sub: ALICE.sub, email: ALICE.email },
  });
});

test('an address that an operator names leads to the account of any grant', async () => {
  await connect('alice');
  const path = join(emptyFolder(), 'grants.ndjson');
  const line = { user_id: 'crm-1', client: 'default', refresh_token: issue(), account: ALICE.email };
  writeFileSync(path, JSON.stringify(line), { mode: 0o600 });
  expect(await tokenBroker(['grant', 'import', path], bed.settings)).toMatchObject({ code: 0, stderr: '' });
  expect(await grantOf('crm-1')).toMatchObject({ account: { sub: ALICE.sub } });
});

test('an account that an operator names, or a service of all users, counts as if Google had named it', async () => {
  await connect('alice');
  const path = join(emptyFolder(), 'grants.ndjson');
  const line = { user_id: 'by-operator', client: 'default', refresh_token: issue(), account: ALICE.sub };
  writeFileSync(path, JSON.stringify(line), { mode: 0o600 });
  expect((await tokenBroker(['grant', 'import', path], bed.settings)).code).toBe(0);
  const ofAll = await bed.service({ import: true });
  const item = { user_id: 'by-service', refresh_token: issue(), account: ALICE.sub };
  expect(await importOne(item, {}, ofAll)).toMatchObject({ status: 'imported' });
  expect(await slotsOf('alice')).toMatchObject({ used: 3 });
  expect((await revoke('by-operator', { dry_run: 'true' }, bed.api)).body).toMatchObject({
    also_revoked_total: 2,
  });
});
