/** Delegated credentials: what the holder of one gets, what ends it, and what a writer of the database cannot do with it. */
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../sandbox/trial/postgres.js';
import { startBroker } from '../../src/bootstrap.js';
import { readConfiguration } from '../../src/config/read-configuration.js';
import type { Policy } from '../../src/domain/access/policy.js';
import { Sealer } from '../../src/sealing/sealer.js';
import { ServiceRegistry } from '../../src/services/service-registry.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { Database } from '../../src/token-store/client/database.js';
import { DelegatedCredentialsRepository } from '../../src/token-store/services/delegated-credentials.repository.js';
import { serviceMac } from '../../src/token-store/services/service-mac.js';
import { exhaustive } from '../support/exhaustive.js';
import { type ApiResponse, Api } from '../support/api.js';
import { redeem } from '../support/token-endpoint.js';
import { ADS, ALICE, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { until } from '../support/until.js';

let bed: TestBed;
/** A second replica, with caches of its own. */
let replica: NestFastifyApplication;
let replicaUrl: string;

beforeAll(async () => {
  bed = await startTestBed();
  const port = String(await freePort());
  const environment = { ...bed.settings, LOG_LEVEL: 'fatal', PORT: port };
  replica = await startBroker(readConfiguration(environment), { clock: bed.clock });
  replicaUrl = `http://127.0.0.1:${port}`;
  await bed.api.connect({ user_id: 'alice', scope: `${YOUTUBE} ${ADS}` }, { account: ALICE.email });
  await bed.api.connect({ user_id: 'bob', scope: YOUTUBE }, { account: BOB.email });
});
afterAll(async () => {
  await replica.close();
  await bed.stop();
});

const PATH = '/services/self/credentials';

async function create(api: Api, body: Record<string, unknown> = {}) {
  const { status, body: created, text } = await api.post(PATH, { user_id: 'alice', ...body });
  if (status !== 201) throw new Error(text);
  return { id: created['id'] as string, handle: created['credential'] as string, created };
}

const errorOf = ({ status, body }: ApiResponse) => ({ status, error: body['error'], code: body['code'] });
const INVALID = { status: 400, error: 'invalid_grant', code: 'unauthenticated' };

/** Until it comes from memory on both replicas. */
async function warm(handle: string): Promise<void> {
  for (const url of [bed.url, replicaUrl]) {
    for (let call = 1; call <= 3; call++) expect((await redeem(url, handle)).status).toBe(200);
  }
}

describe('a delegated credential', () => {
  test('is shown once, and gives the tokens of its user', async () => {
    const { id, handle, created } = await create(bed.api, {
      client: 'default',
      account: ALICE.email,
      expires_in: 3600,
    });
    expect(handle).toMatch(/^tbc_[a-z0-9]{12}_[A-Za-z0-9_-]{43}$/);
    expect(created).toMatchObject({
      user_id: 'alice',
      client: 'default',
      account: ALICE.email,
      scope: null,
      status: 'active',
    });
    const { status, body } = await redeem(bed.url, handle);
    const { body: same } = await bed.api.token('alice');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      access_token: same['access_token'],
      scope: same['scope'],
      token_type: 'Bearer',
    });
    expect(body).not.toHaveProperty('refresh_token');
    const list = await bed.api.get(PATH);
    expect(list.body['credentials']).toContainEqual(expect.objectContaining({ id, status: 'active' }));
    expect(list.text).not.toContain(handle.slice(-43));
    const rows = await bed.sql('SELECT delegated_credentials::text AS row FROM delegated_credentials');
    expect(JSON.stringify(rows)).not.toContain(handle.slice(-43));
    expect(bed.log()).not.toContain(handle.slice(-43));
  });

  test('with a line break at its end, and client authentication by Basic, is the same', async () => {
    const { handle } = await create(bed.api);
    expect((await redeem(bed.url, `${handle}\n`)).status).toBe(200);
    const authorization = `Basic ${Buffer.from('any:thing').toString('base64')}`;
    const response = await fetch(`${bed.url}/oauth2/token`, {
      method: 'POST',
      headers: { authorization },
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: handle }),
    });
    expect(response.status).toBe(200);
  });

  test('gives no other user, no wider scopes and no other route', async () => {
    const { handle } = await create(bed.api, { scope: YOUTUBE });
    const narrow = await redeem(bed.url, handle, { audience: `${bed.url}/users/bob`, scope: YOUTUBE });
    const { body } = await bed.api.token('bob');
    expect(narrow.body['scope']).toBe(YOUTUBE);
    expect(narrow.body['access_token']).not.toBe(body['access_token']);
    expect(errorOf(await redeem(bed.url, handle, { scope: ADS }))).toMatchObject({
      status: 400,
      error: 'invalid_scope',
    });
    const holder = new Api(bed.url, handle);
    for (const path of ['/tokens/alice', '/users/alice/grants', PATH, '/grants?expiring_within=1'])
      expect((await holder.get(path)).status).toBe(401);
    expect((await holder.post(PATH, { user_id: 'alice' })).status).toBe(401);
  });

  test('for the email address alone gives a token, though Google adds openid', async () => {
    const { handle } = await create(bed.api, { scope: 'email' });
    const { status, body } = await redeem(bed.url, handle);
    expect(status).toBe(200);
    expect(body['scope']).toBe('https://www.googleapis.com/auth/userinfo.email openid');
  });

  test('for a user whose id has a star is for that user alone', async () => {
    await bed.api.connect({ user_id: 'ali*', scope: YOUTUBE }, { account: BOB.email });
    const { handle } = await create(bed.api, { user_id: 'ali*' });
    const { body } = await redeem(bed.url, handle);
    expect(body['access_token']).toBe((await bed.api.token('ali*')).body['access_token']);
  });

  test('has a token with all of its scopes, whichever of them a call names', async () => {
    const { handle } = await create(bed.api, { scope: `${YOUTUBE} ${ADS}` });
    for (const scope of [YOUTUBE, ADS, undefined]) {
      const { body } = await redeem(bed.url, handle, scope === undefined ? {} : { scope });
      expect(String(body['scope']).split(' ').sort()).toEqual([ADS, YOUTUBE].sort());
    }
  });

  test('of a user who must connect names the link, for its scopes only', async () => {
    const { handle } = await create(bed.api, { user_id: 'not-yet', scope: YOUTUBE });
    const response = await redeem(bed.url, handle);
    expect(errorOf(response)).toEqual({ status: 400, error: 'invalid_grant', code: 'not_connected' });
    expect(response.body['error_uri']).toContain('/connect?');
  });

  test.each([
    ['a user outside the policy', { user_id: 'bob' }, 403],
    ['a client outside the policy', { client: 'second' }, 403],
    ['a scope outside the policy', { scope: YOUTUBE_MONEY }, 403],
    ['no user', { user_id: undefined }, 400],
    ['a malformed scope', { scope: 'x' }, 400],
    ['a lifetime of nothing', { expires_in: 0 }, 400],
    ['a lifetime for ever', { expires_in: 1e12 }, 400],
    ['an unknown member', { color: 'red' }, 400],
  ])('is refused for %s', async (_, body, status) => {
    const api = await bed.service({ users: ['alice'], clients: ['default'], scopes: [YOUTUBE] });
    expect((await api.post(PATH, { user_id: 'alice', ...body })).status).toBe(status);
  });

  test('is listed and revoked by its service only, page by page', async () => {
    const [api, other] = [await bed.service(), await bed.service()];
    const ids: string[] = [];
    for (let each = 1; each <= 3; each++) ids.unshift((await create(api)).id);
    const first = await api.get(PATH, { limit: '2' });
    const cursor = first.body['next'] as string;
    const second = await api.get(PATH, { limit: '2', cursor });
    const listed = [first, second].flatMap(({ body }) => body['credentials'] as { id: string }[]);
    expect(listed.map(({ id }) => id)).toEqual(ids);
    expect(second.body['next']).toBeNull();
    expect((await api.get(PATH, { user: 'bob' })).body['credentials']).toEqual([]);
    expect((await other.get(PATH)).body['credentials']).toEqual([]);
    expect((await other.get(PATH, { cursor })).status).toBe(400);
    expect((await other.delete(`${PATH}/${ids[0] ?? ''}`)).status).toBe(404);
    expect((await api.delete(`${PATH}/aaaaaaaaaaaa`)).status).toBe(404);
    expect((await api.delete(`${PATH}/x`)).status).toBe(400);
  });
});

describe('it ends', () => {
  test('at once on every replica when it is revoked, also where it is answered from memory', async () => {
    const { id, handle } = await create(bed.api);
    const { handle: neighbour } = await create(bed.api);
    await warm(handle);
    await warm(neighbour);
    const revoked = await bed.api.delete(`${PATH}/${id}`);
    expect(revoked.body).toMatchObject({ id, status: 'revoked' });
    expect(errorOf(await redeem(bed.url, handle))).toEqual(INVALID);
    await until(async () => (await redeem(replicaUrl, handle)).status === 400, 1000);
    expect((await redeem(replicaUrl, neighbour)).status).toBe(200);
    expect((await bed.api.delete(`${PATH}/${id}`)).body).toMatchObject({ id, status: 'revoked' });
  });

  test.each([
    ['UPDATE', 'UPDATE delegated_credentials SET revoked_at = now() WHERE id = $1'],
    ['DELETE', 'DELETE FROM delegated_credentials WHERE id = $1'],
  ])('at once when an operator ends it by %s', async (_, statement) => {
    const { id, handle } = await create(bed.api);
    await warm(handle);
    await bed.sql(statement, [id]);
    expect(errorOf(await redeem(bed.url, handle))).toEqual(INVALID);
    await until(async () => (await redeem(replicaUrl, handle)).status === 400, 1000);
  });

  test('by the clock', async () => {
    const { handle } = await create(bed.api, { expires_in: 600 });
    await warm(handle);
    bed.clock.advance(599);
    expect((await redeem(bed.url, handle)).status).toBe(200);
    bed.clock.advance(2);
    expect(errorOf(await redeem(bed.url, handle))).toEqual(INVALID);
    const { body } = await bed.api.get(PATH);
    expect((body['credentials'] as Record<string, unknown>[])[0]).toMatchObject({ status: 'expired' });
  });

  test('with its service', async () => {
    const api = await bed.service();
    const { handle } = await create(api);
    await warm(handle);
    await bed.app.get(ServiceRegistry).revoke(api.key.split('_')[1] ?? '');
    expect(errorOf(await redeem(bed.url, handle))).toEqual(INVALID);
    await until(async () => (await redeem(replicaUrl, handle)).status === 400, 1000);
  });

  exhaustive.test('while Google answers, and the token is not handed out any more', async () => {
    await bed.api.connect({ user_id: 'slow', scope: YOUTUBE }, { account: ALICE.email });
    const { id, handle } = await create(bed.api, { user_id: 'slow' });
    bed.clock.advance(3700);
    bed.google.control.clearRequests();
    bed.google.control.latency('token', 700);
    try {
      const response = redeem(bed.url, handle);
      await until(() => bed.google.control.count('token') > 0);
      await bed.api.delete(`${PATH}/${id}`);
      expect(errorOf(await response)).toEqual(INVALID);
    } finally {
      bed.google.control.latency('token', 0);
    }
  });

  test('and is deleted a month later, when another is created', async () => {
    const { id } = await create(bed.api, { expires_in: 60 });
    const count = async () =>
      (await bed.sql('SELECT id FROM delegated_credentials WHERE id = $1', [id])).length;
    await create(bed.api);
    expect(await count()).toBe(1);
    await bed.sql(
      `UPDATE delegated_credentials SET created_at = created_at - interval '31 days',
         expires_at = expires_at - interval '31 days' WHERE id = $1`,
      [id],
    );
    await create(bed.api);
    expect(await count()).toBe(0);
  });
});

test('follows the policy of its service as it is now', async () => {
  const name = 'narrowed later';
  const wide: Policy = {
    clients: ['*'],
    scopes: ['*'],
    users: ['*'],
    audit: false,
    disconnect: false,
    revoke: false,
    force: false,
    import: false,
  };
  const { id, key } = await bed.app.get(ServiceRegistry).create(name, wide);
  const { handle } = await create(new Api(bed.url, key.reveal()));
  await warm(handle);
  const { scope } = (await redeem(bed.url, handle)).body;
  expect(String(scope).split(' ')).toEqual(expect.arrayContaining([ADS, YOUTUBE]));
  // No command changes a policy yet: the row as the broker would write it.
  const database = bed.app.get(Database);
  const row = await database.service.update({
    where: { id },
    data: { scopes: [YOUTUBE], clients: ['default'] },
  });
  await database.service.update({ where: { id }, data: { mac: serviceMac(bed.app.get(Sealer), row) } });
  await bed.sql('SELECT 1');
  expect((await redeem(bed.url, handle)).body['scope']).toBe(YOUTUBE);
  const without = await database.service.update({ where: { id }, data: { users: ['bob'] } });
  await database.service.update({ where: { id }, data: { mac: serviceMac(bed.app.get(Sealer), without) } });
  await bed.sql('SELECT 1');
  expect(errorOf(await redeem(bed.url, handle))).toMatchObject({
    error: 'unauthorized_client',
    code: 'not_allowed',
  });
});

test('is refused to its service, not to the user, where the policy has none of its scopes any more', async () => {
  const registry = bed.app.get(ServiceRegistry);
  const policy = { clients: ['*'], scopes: [YOUTUBE, ADS], users: ['*'] };
  const rights = { audit: false, disconnect: false, revoke: false, force: false, import: false };
  const { id, key } = await registry.create('lost a scope', { ...policy, ...rights });
  const api = new Api(bed.url, key.reveal());
  const [used, unused] = [await create(api, { scope: YOUTUBE }), await create(api, { scope: YOUTUBE })];
  await warm(used.handle);
  const database = bed.app.get(Database);
  const row = await database.service.update({ where: { id }, data: { scopes: [ADS] } });
  await database.service.update({ where: { id }, data: { mac: serviceMac(bed.app.get(Sealer), row) } });
  await bed.sql('SELECT 1');
  for (const { id: credential, handle } of [used, unused]) {
    for (let call = 1; call <= 3; call++) {
      const refused = await redeem(bed.url, handle);
      expect(errorOf(refused)).toEqual({ status: 400, error: 'unauthorized_client', code: 'not_allowed' });
      for (const named of ['lost a scope', credential])
        expect(refused.body['error_description']).toContain(named);
      expect(refused.body).not.toHaveProperty('missing_scopes');
    }
  }
});

describe('in the database', () => {
  test.each([
    ['another user', `user_id = 'bob'`],
    ['wider scopes', `scopes = '{}'`],
    ['another account', `account = '${BOB.sub}'`],
    ['a later end', `expires_at = expires_at + interval '1 year'`],
    ['another service', `service_id = (SELECT id FROM services ORDER BY created_at DESC LIMIT 1)`],
  ])('a row that was given %s is refused, and raises an alarm', async (_, change) => {
    await bed.service();
    const { id, handle } = await create(bed.api, { scope: YOUTUBE });
    expect((await redeem(bed.url, handle)).status).toBe(200);
    // The alarm comes with the change, where the credential was used before.
    const from = bed.log().length;
    await bed.sql(`UPDATE delegated_credentials SET ${change} WHERE id = $1`, [id]);
    expect(errorOf(await redeem(bed.url, handle))).toEqual(INVALID);
    expect(bed.log().slice(from)).toContain(`"kind":"delegated_credential","credential":"${id}"`);
    expect((await bed.api.get(PATH)).text).not.toContain(id);
    // It can still be revoked.
    expect(
      (await bed.app.get(DelegatedCredentialsRepository).revoke(id, null, bed.clock.now()))?.changed,
    ).toBe(true);
  });

  test('a revoked row that is put back as it was is refused', async () => {
    const { id, handle } = await create(bed.api);
    const [row = {}] = await bed.sql('SELECT * FROM delegated_credentials WHERE id = $1', [id]);
    await bed.api.delete(`${PATH}/${id}`);
    await bed.sql(
      'UPDATE delegated_credentials SET revoked_at = NULL, secret_hash = $2, mac = $3 WHERE id = $1',
      [id, row['secret_hash'], row['mac']],
    );
    expect(errorOf(await redeem(bed.url, handle))).toEqual(INVALID);
  });

  test('a row that another process revoked and that is put back is refused where it was used before', async () => {
    const { id, handle } = await create(bed.api);
    const { id: later, handle: marker } = await create(bed.api);
    await warm(handle);
    await warm(marker);
    const [row = {}] = await bed.sql('SELECT * FROM delegated_credentials WHERE id = $1', [id]);
    for (const each of [id, later]) await bed.api.delete(`${PATH}/${each}`);
    // The replica is notified in order, so it has seen both.
    await until(async () => (await redeem(replicaUrl, marker)).status === 400);
    await bed.sql(
      'UPDATE delegated_credentials SET revoked_at = NULL, secret_hash = $2, mac = $3 WHERE id = $1',
      [id, row['secret_hash'], row['mac']],
    );
    expect(errorOf(await redeem(replicaUrl, handle))).toEqual(INVALID);
  });

  test('the time of its last use is written once an hour, and is no change', async () => {
    const { id, handle } = await create(bed.api);
    const used = async () => {
      const [row] = await bed.sql(
        'SELECT last_used_at, xmin::text FROM delegated_credentials WHERE id = $1',
        [id],
      );
      return row ?? {};
    };
    await redeem(bed.url, handle);
    await until(async () => (await used())['last_used_at'] !== null);
    const first = await used();
    for (let call = 1; call <= 3; call++) await redeem(bed.url, handle);
    await redeem(replicaUrl, handle);
    expect(await used()).toEqual(first);
    expect((await bed.api.get(PATH)).body['credentials']).toContainEqual(
      expect.objectContaining({ id, last_used_at: expect.any(String) }),
    );
  });
});

test('is audited under its id and the name of its service when it is created, used and revoked', async () => {
  const api = await bed.service();
  const { id, handle } = await create(api);
  await redeem(bed.url, handle);
  await redeem(bed.url, handle);
  await redeem(bed.url, handle, { scope: YOUTUBE_MONEY });
  await api.delete(`${PATH}/${id}`);
  await bed.app.get(AuditLog).flush();
  const events = await bed.sql(
    `SELECT action, outcome, user_id, sum(count)::int AS count FROM audit_trail
     WHERE details->>'credential' = $1 AND service_id = $2 AND actor LIKE 'service %' GROUP BY 1, 2, 3 ORDER BY 1, 2`,
    [id, api.key.split('_')[1]],
  );
  expect(events).toEqual([
    { action: 'credential.create', outcome: 'ok', user_id: 'alice', count: 1 },
    { action: 'credential.revoke', outcome: 'ok', user_id: 'alice', count: 1 },
    { action: 'token.issue', outcome: 'insufficient_scope', user_id: 'alice', count: 1 },
    { action: 'token.issue', outcome: 'ok', user_id: 'alice', count: 2 },
  ]);
});

test('an unknown handle costs one query, a malformed one none, and neither evicts a known one', async () => {
  const { handle } = await create(bed.api);
  await warm(handle);
  const store = bed.app.get(DelegatedCredentialsRepository);
  const find = store.find.bind(store);
  let queries = 0;
  store.find = (id) => {
    queries++;
    return find(id);
  };
  try {
    for (let call = 1; call <= 5; call++)
      await redeem(bed.url, `tbc_aaaaaaaaaaa${'abcde'[call - 1] ?? ''}_${'a'.repeat(43)}`);
    expect(queries).toBe(5);
    for (const malformed of ['tbc_', 'x', `${handle}x`, handle.toUpperCase()])
      await redeem(bed.url, malformed);
    expect(queries).toBe(5);
    // Another secret for a known id.
    expect(errorOf(await redeem(bed.url, `${handle.slice(0, -43)}${'a'.repeat(43)}`))).toEqual(INVALID);
    expect((await redeem(bed.url, handle)).status).toBe(200);
  } finally {
    store.find = find;
  }
});
