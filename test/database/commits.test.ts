/**
 * Which transactions commit without waiting for the disk and for a synchronous standby. A trigger that fires as each transaction
 * commits records what it changed and what synchronous_commit is then: in whatever statement it was set.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { ALICE, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';

/** What comes again by asking Google once more. */
const MAY_BE_LOST: Readonly<Record<string, readonly string[]>> = {
  grants: [
    'lease_owner',
    'lease_expires_at',
    'lease_awaited',
    'refreshed_at',
    'refreshes',
    'refresh_failures',
  ],
  access_tokens: ['*'],
};

const RECORD = `
  CREATE UNLOGGED TABLE commits (transaction xid8, relation text, operation text, changed text[], mode text,
    number bigint GENERATED ALWAYS AS IDENTITY);
  CREATE FUNCTION record_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
  BEGIN
    INSERT INTO commits VALUES (pg_current_xact_id(), TG_TABLE_NAME, TG_OP,
      ARRAY(SELECT field.key FROM jsonb_each(to_jsonb(NEW)) AS field
        WHERE TG_OP <> 'UPDATE' OR field.value IS DISTINCT FROM to_jsonb(OLD) -> field.key),
      current_setting('synchronous_commit'));
    RETURN NULL;
  END $$;
  DO $$
  DECLARE relation regclass;
  BEGIN
    FOR relation IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
      AND relpersistence = 'p' AND relname <> '_prisma_migrations'
    LOOP
      EXECUTE format('CREATE CONSTRAINT TRIGGER record_commit AFTER INSERT OR UPDATE OR DELETE ON %s
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION record_commit()', relation);
      EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER record_commit', relation);
    END LOOP;
  END $$`;

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
  await bed.sql(RECORD);
});
beforeEach(async () => {
  bed.google.control.reset();
  await bed.reset();
  await bed.api.connect({ user_id: 'alice', scope: `${YOUTUBE} ${YOUTUBE_MONEY}` }, { account: ALICE.email });
  bed.clock.advance(3600);
  await bed.sql('DELETE FROM commits');
});
afterAll(() => bed.stop());

interface Commit {
  readonly relation: string;
  readonly operation: string;
  readonly changed: readonly string[];
  readonly mode: string;
}
const commits = async () =>
  (await bed.sql(
    'SELECT relation, operation, changed, mode FROM commits ORDER BY number',
  )) as unknown as Commit[];
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
  expect(changed.map((each) => [each.operation, each.mode])).toEqual([
    ['DELETE', 'on'],
    ['INSERT', 'on'],
  ]);
  await expectNothingElse();
});
