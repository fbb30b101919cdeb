/**
 * Which transactions commit without waiting for the disk and for a synchronous standby. A trigger that fires as each transaction
 * commits records what it changed and what synchronous_commit is then: in whatever statement it was set.
 */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { ServiceRegistry } from '../../src/services/service-registry.js';
import { WebhookRegistry } from '../../src/webhooks/webhook-registry.js';
import { isCluster, servers } from '../support/cluster.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';

/** What comes again by asking Google once more. */
const MAY_BE_LOST: Readonly<Record<string, readonly string[]>> = {
  grants: [
    'lease_owner',
    'lease_expires_at',
    'lease_awaited',
    'refreshed_at',
    'refreshes',
    'refresh_failures',
    // Generated from the others: another day of the refresh.
    'expires_at',
    'expires_at_in_testing',
  ],
  access_tokens: ['*'],
};

/** At each server of a cluster, on the parts of the tables that it has: Citus hides them, and makes no such trigger itself. */
const AT_EACH_SERVER = `
  SET citus.enable_ddl_propagation = off; SET citus.override_table_visibility = off;
  SET citus.enable_manual_changes_to_shards = on; SET citus.enable_unsafe_triggers = on;
  CREATE FUNCTION of_others() RETURNS oid[] LANGUAGE sql AS
    'SELECT array_agg(logicalrelid::oid) FROM pg_catalog.pg_dist_partition'`;
const ON_ONE_SERVER = `CREATE FUNCTION of_others() RETURNS oid[] LANGUAGE sql AS 'SELECT ''{}''::oid[]'`;

const RECORD = `
  CREATE UNLOGGED TABLE commits (transaction xid8, relation text, operation text, changed text[], mode text,
    number bigint GENERATED ALWAYS AS IDENTITY);
  CREATE FUNCTION record_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
  BEGIN
    -- A part of a distributed table has the table's name, and a number.
    INSERT INTO commits VALUES (pg_current_xact_id(), regexp_replace(TG_TABLE_NAME, '_\\d{6,}$', ''), TG_OP,
      ARRAY(SELECT field.key FROM jsonb_each(to_jsonb(NEW)) AS field
        WHERE TG_OP <> 'UPDATE' OR field.value IS DISTINCT FROM to_jsonb(OLD) -> field.key),
      current_setting('synchronous_commit'));
    RETURN NULL;
  END $$;
  DO $$
  DECLARE relation regclass;
  BEGIN
    FOR relation IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
      AND relpersistence = 'p' AND relname <> '_prisma_migrations' AND NOT oid = ANY (of_others())
    LOOP
      EXECUTE format('CREATE CONSTRAINT TRIGGER record_commit AFTER INSERT OR UPDATE OR DELETE ON %s
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION record_commit()', relation);
      EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER record_commit', relation);
    END LOOP;
  END $$`;

let bed: TestBed;
/** One at each server. */
const clients: pg.Client[] = [];
beforeAll(async () => {
  bed = await startTestBed();
  for (const server of servers ?? [bed.ownerUrl]) {
    const client = new pg.Client({ connectionString: new URL(new URL(bed.ownerUrl).pathname, server).href });
    await client.connect();
    clients.push(client);
    await client.query(isCluster ? AT_EACH_SERVER : ON_ONE_SERVER);
    await client.query(RECORD);
  }
});
beforeEach(async () => {
  bed.google.control.reset();
  await bed.reset();
  await bed.api.connect({ user_id: 'alice', scope: `${YOUTUBE} ${YOUTUBE_MONEY}` }, { account: ALICE.email });
  bed.clock.advance(3600);
  for (const client of clients) await client.query('DELETE FROM commits');
});
afterAll(async () => {
  for (const client of clients) await client.end();
  await bed.stop();
});

interface Commit {
  readonly relation: string;
  readonly operation: string;
  readonly changed: readonly string[];
  readonly mode: string;
}
/** In order, those of one server after those of another. */
async function commits(): Promise<Commit[]> {
  const found = await Promise.all(
    clients.map((client) =>
      client.query<Commit>('SELECT relation, operation, changed, mode FROM commits ORDER BY number'),
    ),
  );
  return found.flatMap(({ rows }) => rows);
}
const of = async (...relations: string[]) =>
  (await commits()).filter(({ relation }) => relations.includes(relation));
const grantId = async () => String((await bed.sql('SELECT id FROM grants'))[0]?.['id']);

/** Whatever did not wait, may be lost. */
async function expectNothingElse(): Promise<void> {
  const others = (await commits()).filter(({ relation, operation, changed, mode }) => {
    const columns = MAY_BE_LOST[relation] ?? [];
    const mayBeLost =
      columns.includes('*') ||
      (operation === 'UPDATE' && changed.every((column) => columns.includes(column)));
    return mode === 'off' && !mayBeLost;
  });
  expect(others).toEqual([]);
}

test('a refresh waits for nothing, and its lease and access token may be lost', async () => {
  expect((await bed.api.token('alice')).status).toBe(200);
  // The others are written behind the call.
  const found = (await commits()).filter(({ relation }) => relation in MAY_BE_LOST);
  expect(new Set(found.map(({ relation }) => relation))).toEqual(new Set(['grants', 'access_tokens']));
  expect(new Set(found.map(({ mode }) => mode))).toEqual(new Set(['off']));
  await expectNothingElse();
});

test('a refresh token that Google rotated waits, with its place in the slot ledger', async () => {
  bed.google.control.rotateRefreshTokens(true);
  expect((await bed.api.token('alice')).status).toBe(200);
  const rotated = await of('refresh_tokens');
  expect(rotated.length).toBeGreaterThan(0);
  const sealed = (await of('grants')).filter(({ changed }) => changed.includes('sealed_refresh_token'));
  expect(sealed).toHaveLength(1);
  expect(new Set([...rotated, ...sealed].map(({ mode }) => mode))).toEqual(new Set(['on']));
  await expectNothingElse();
});

test('scopes that Google narrowed wait', async () => {
  bed.google.control.overrideTokenResponse({ scope: YOUTUBE });
  await bed.api.token('alice');
  const narrowed = (await of('grants')).filter(({ changed }) => changed.includes('granted_scopes'));
  expect(narrowed.map(({ mode }) => mode)).toEqual(['on']);
  await expectNothingElse();
});

test('the end of a grant that Google reports waits', async () => {
  bed.google.control.revokeByUser(ALICE.sub, 'project-a');
  expect((await bed.api.token('alice')).status).toBe(410);
  const ended = (await of('grants')).filter(({ changed }) => changed.includes('status'));
  expect(ended.map(({ mode }) => mode)).toEqual(['on']);
  await expectNothingElse();
});

test.each(['local', 'revoke'])('a disconnect with mode=%s waits', async (mode) => {
  expect((await bed.api.delete(`/grants/${await grantId()}`, { mode })).status).toBe(200);
  const deleted = (await of('grants')).filter(({ operation }) => operation === 'DELETE');
  expect(deleted.map((each) => each.mode)).toEqual(['on']);
  await expectNothingElse();
});

test('a user who is forgotten, and one who connects, wait', async () => {
  expect((await bed.api.delete('/users/alice', { mode: 'local' })).status).toBe(200);
  await bed.api.connect({ user_id: 'bob', scope: YOUTUBE }, { account: ALICE.email });
  const changed = (await of('grants')).filter(({ operation }) => operation !== 'UPDATE');
  expect(changed.map((each) => [each.operation, each.mode]).toSorted()).toEqual([
    ['DELETE', 'on'],
    ['INSERT', 'on'],
  ]);
  await expectNothingElse();
});

/** What of a table was committed, each once. */
const kindsOf = async (relation: string) => {
  const found = (await of(relation)).map(({ operation, mode }) => `${operation} ${mode}`);
  return [...new Set(found)];
};

test('a grant that is imported waits, with its place in the slot ledger', async () => {
  const importer = await bed.service({ import: true });
  const refresh_token = bed.google.control.issueRefreshToken(BOB.sub, 'default', ['openid', YOUTUBE]);
  const { body } = await importer.post('/grants/import', {
    grants: [{ user_id: 'bob', client: 'default', refresh_token }],
  });
  expect(body['summary']).toMatchObject({ imported: 1 });
  expect(await kindsOf('grants')).toContain('INSERT on');
  expect(await kindsOf('refresh_tokens')).toContain('INSERT on');
  await expectNothingElse();
});

test('a security event waits, with what it ends', async () => {
  const subject = { subject_type: 'iss-sub', iss: `${bed.google.url}/`, sub: ALICE.sub };
  const order = { type: 'tokens-revoked', subject, to: `${bed.url}/security-events/google` } as const;
  await bed.google.control.sendSecurityEvent(order);
  const ended = (await of('grants')).filter(({ changed }) => changed.includes('status'));
  expect(ended.map(({ mode }) => mode)).toEqual(['on']);
  expect(await kindsOf('security_events')).toEqual(['INSERT on']);
  expect(await kindsOf('refresh_tokens')).toEqual(['UPDATE on']);
  await expectNothingElse();
});

test('a service that is created waits, and its revocation', async () => {
  await bed.service();
  const [created] = await bed.sql('SELECT id FROM services ORDER BY created_at DESC LIMIT 1');
  expect(await bed.app.get(ServiceRegistry).revoke(String(created?.['id']))).toMatchObject({ changed: true });
  const revoked = (await of('services')).filter(({ changed }) => changed.includes('revoked_at'));
  expect(revoked.map(({ operation, mode }) => [operation, mode])).toEqual([
    ['INSERT', 'on'],
    ['UPDATE', 'on'],
  ]);
  await expectNothingElse();
});

test('a credential of a user that is created waits, and its revocation', async () => {
  const { status, body } = await bed.api.post('/services/self/credentials', { user_id: 'alice' });
  expect(status).toBe(201);
  const { status: left } = await bed.api.delete(`/services/self/credentials/${String(body['id'])}`);
  expect(left).toBeLessThan(300);
  expect(await kindsOf('delegated_credentials')).toEqual(['INSERT on', 'UPDATE on']);
  await expectNothingElse();
});

test('a webhook that is created waits, and its end', async () => {
  const { id } = await bed.webhook({ url: 'http://127.0.0.1:9/' });
  expect(await bed.app.get(WebhookRegistry).remove(id)).toMatchObject({ id });
  expect(await kindsOf('webhooks')).toEqual(['INSERT on', 'DELETE on']);
  await expectNothingElse();
});
