/**
 * What jobs delete or give up is bounded in each statement: one over all rows would need more time than a statement has after a
 * long outage, be rolled back, and leave more to the next run.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { ALICE, startTestBed, type TestBed } from '../support/test-bed.js';
import { OutboxListsRepository } from '../../src/token-store/outbox/outbox-lists.repository.js';
import { DeliverEvents } from '../../src/webhooks/deliver-events.js';
import { ReplayWebhooks } from '../../src/webhooks/replay-webhooks.js';
import { WebhookRegistry } from '../../src/webhooks/webhook-registry.js';
import { testOfOneServer } from '../support/cluster.js';
import { BLOCKED_SESSIONS, until } from '../support/until.js';

const ROWS = 12_000;
const MAX_ROWS = 5000;
/** Nothing listens there. */
const NOWHERE = 'http://127.0.0.1:9/';
/** All jobs run again. */
const DAY = 24 * 3600;

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed({ CONSOLE_OPERATORS: ALICE.email });
  await bed.sql(`
    CREATE FUNCTION at_most() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF current_user = 'token_broker_runtime' AND (SELECT count(*) FROM rows) > ${MAX_ROWS} THEN
        RAISE 'canceling statement due to statement timeout' USING ERRCODE = '57014';
      END IF;
      RETURN NULL;
    END $$`);
});
beforeEach(() => bed.reset());
afterAll(() => bed.stop());

const LONG_AGO = `now() - interval '2 years'`;

/** By table: the columns of a row that is old, where $1 is its number. */
const OLD_ROWS: Readonly<Record<string, string>> = {
  connect_tickets: `'id', n::text, 'service_id', 'of', 'user_id', 'alice', 'client', 'default', 'state', 'cancelled', 'version', 1,
    'created_at', ${LONG_AGO}, 'ended_at', ${LONG_AGO}, 'expires_at', ${LONG_AGO}, 'sealed_request', ''`,
  authorization_requests: `'state_hash', '\\x' || lpad(to_hex(n), 8, '0'), 'ticket_id', n::text, 'connect_request', '{}'::jsonb,
    'purpose', 'consent', 'forced_consent', false, 'included_granted', false, 'sealed_verifier', '', 'nonce_hash', '', 'browser_hash', '',
    'created_at', ${LONG_AGO}, 'expires_at', ${LONG_AGO}`,
  revocations: `'id', gen_random_uuid(), 'grant_id', gen_random_uuid(), 'consented_at', ${LONG_AGO}, 'account_sub', '1',
    'clients', '[]'::jsonb, 'requested_by', '{}'::jsonb, 'begun_at', ${LONG_AGO}, 'attempts', 1, 'next_attempt_at', ${LONG_AGO},
    'first_sequence', 0, 'last_sequence', 0, 'confirmed', true, 'finished_at', ${LONG_AGO}, 'outcome', 'revoked'`,
  console_sessions: `'id', gen_random_uuid(), 'email', 'operator@example.com', 'started_at', ${LONG_AGO}, 'expires_at', ${LONG_AGO}`,
  activity_counts: `'span', 'minute', 'starts_at', ${LONG_AGO} - n * interval '1 minute', 'kind', 'tokens.warm', 'count', 1`,
  service_usage: `'service_id', n::text, 'hour', ${LONG_AGO}, 'calls', 1`,
  security_events: `'jti', n::text, 'received_at', ${LONG_AGO}`,
  pending_consents: `'code_hash', '\\x' || lpad(to_hex(n), 8, '0'), 'sealed_consent', '', 'created_at', ${LONG_AGO}, 'expires_at', ${LONG_AGO}`,
  outbox_events: `'user_id', 'alice', 'id', n::text, 'sequence', n, 'type', 'grant.connected', 'webhook_id', 'deleted',
    'payload', '{}'::jsonb, 'created_at', now(), 'next_attempt_at', now(), 'attempts', 0`,
};

async function fill(table: string): Promise<void> {
  // Not `SELECT (jsonb_populate_record(…)).*`, which would make each row once for each of its columns.
  await bed.sql(`INSERT INTO ${table} SELECT made.*
    FROM (SELECT jsonb_build_object(${OLD_ROWS[table]}) AS old FROM generate_series(1, ${ROWS}) AS n) AS each,
      jsonb_populate_record(NULL::${table}, each.old) AS made`);
  const [operation, rows] = table === 'outbox_events' ? ['UPDATE', 'NEW'] : ['DELETE', 'OLD'];
  await bed.sql(`CREATE OR REPLACE TRIGGER at_most AFTER ${operation} ON ${table} REFERENCING ${rows} TABLE AS rows
    FOR EACH STATEMENT EXECUTE FUNCTION at_most()`);
}

const left = async (table: string, which = 'TRUE') =>
  Number((await bed.sql(`SELECT count(*) AS n FROM ${table} WHERE ${which}`))[0]?.['n']);

test.each([
  'connect_tickets',
  'authorization_requests',
  'pending_consents',
  'revocations',
  'console_sessions',
  'activity_counts',
  'service_usage',
])('a backlog in %s is deleted in batches', async (table) => {
  await fill(table);
  bed.clock.advance(DAY);
  await until(
    async () =>
      (await left(table, table === 'activity_counts' ? `starts_at < now() - interval '1 year'` : 'TRUE')) ===
      0,
  );
});

test('a backlog of events without a webhook is given up in batches', async () => {
  await fill('outbox_events');
  bed.clock.advance(DAY);
  await until(async () => (await left('outbox_events', 'abandoned_at IS NULL')) === 0);
  expect(await left('outbox_events', "last_error = 'deleted'")).toBe(ROWS);
});

const isWaiting = `abandoned_at IS NULL`;
const letWait = (id: string) =>
  bed.sql(
    `UPDATE outbox_events SET webhook_id = $1, next_attempt_at = now() + interval '1 year', abandoned_at = NULL`,
    [id],
  );

test('a webhook with a backlog can be disabled and removed', async () => {
  const registry = bed.app.get(WebhookRegistry);
  const { id } = await bed.webhook({ url: NOWHERE });
  const wait = () => letWait(id);
  await fill('outbox_events');
  await wait();
  await registry.disable(id);
  expect(await left('outbox_events', isWaiting)).toBe(0);
  // As a process leaves them that ended before it gave them up.
  await wait();
  bed.clock.advance(DAY);
  await until(async () => (await left('outbox_events', isWaiting)) === 0);
  expect(await left('outbox_events', "last_error = 'disabled'")).toBe(ROWS);
  await wait();
  await registry.remove(id);
  expect(await left('outbox_events', isWaiting)).toBe(0);
});

describe('while what waits for a webhook is given up', () => {
  let other: pg.Client;
  let id: string;
  beforeEach(async () => {
    await bed.sql('DELETE FROM webhooks');
    ({ id } = await bed.webhook({ url: NOWHERE }));
    await fill('outbox_events');
    await letWait(id);
    other = new pg.Client({ connectionString: bed.ownerUrl });
    await other.connect();
  });
  afterEach(() => other.end());

  /** As replicas hold the rows that they change. */
  const holdRows = () => other.query(`BEGIN; SELECT 1 FROM outbox_events WHERE id <> '1' FOR UPDATE`);
  const blocked = async () => Number((await bed.sql(BLOCKED_SESSIONS))[0]?.['count']);

  testOfOneServer.each([
    ['disable', 'webhook.disable'],
    ['remove', 'webhook.delete'],
  ] as const)('its %s is recorded, whatever ends that', async (act, action) => {
    await holdRows();
    const done = bed.app.get(WebhookRegistry)[act](id);
    done.catch(() => undefined);
    await until(async () => (await blocked()) === 1);
    expect(await bed.sql('SELECT actor FROM audit_trail WHERE action = $1', [action])).toEqual([
      { actor: 'operator' },
    ]);
    await bed.sql(`SELECT pg_cancel_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`);
    await done;
    expect(await left('outbox_events', isWaiting)).toBe(ROWS);
    await other.query('ROLLBACK');
    bed.clock.advance(DAY);
    await until(async () => (await left('outbox_events', isWaiting)) === 0);
  });

  testOfOneServer('a broker that stops leaves what is left to the job of the next', async () => {
    await holdRows();
    await bed.sql(`UPDATE webhooks SET failing_since = now() - interval '10 days'`);
    await bed.sql(
      `UPDATE outbox_events SET next_attempt_at = now(), attempts = 4, payload = $1 WHERE id = '1'`,
      ['{"timestamp":"2026-01-01T00:00:00.000Z","data":{}}'],
    );
    bed.clock.advance(1);
    await until(async () => (await blocked()) === 1);
    expect(bed.log()).toContain('a webhook is disabled');
    const stopped = bed.app.get(DeliverEvents).beforeApplicationShutdown();
    await other.query('ROLLBACK');
    await stopped;
    expect(await left('outbox_events', isWaiting)).toBe(ROWS - MAX_ROWS);
    await bed.restart();
    await until(async () => (await left('outbox_events', isWaiting)) === 0);
  });

  testOfOneServer('an event that comes once it is enabled again is kept', async () => {
    const registry = bed.app.get(WebhookRegistry);
    await holdRows();
    const disabled = registry.disable(id);
    await until(async () => (await blocked()) === 1);
    let isDone = false;
    const enabled = registry.enable(id).then(async () => {
      await bed.sql(
        `INSERT INTO outbox_events (id, webhook_id, type, payload, created_at, next_attempt_at)
         VALUES ('later', $1, 'grant.connected', '{}', now(), now() + interval '1 year')`,
        [id],
      );
      isDone = true;
    });
    await until(async () => isDone || (await blocked()) === 2);
    await other.query('ROLLBACK');
    await Promise.all([disabled, enabled]);
    expect(await left('outbox_events', `id = 'later' AND ${isWaiting}`)).toBe(1);
  });
});

test('security events are taken whatever the backlog of old ones, and each deletes some of them', async () => {
  await fill('security_events');
  const subject = { subject_type: 'iss-sub', iss: `${bed.google.url}/`, sub: ALICE.sub };
  const to = `${bed.url}/security-events/google`;
  const event = await bed.google.control.sendSecurityEvent({ type: 'sessions-revoked', subject, to });
  expect(event.status).toBe(202);
  expect(await left('security_events')).toBeLessThan(ROWS);
});

test('events that were stored alike in one moment are all replayed', async () => {
  await fill('outbox_events');
  const { id } = await bed.webhook({ url: NOWHERE });
  await bed.sql(
    `UPDATE outbox_events SET sequence = 1, created_at = now(), abandoned_at = now(), webhook_id = $1`,
    [id],
  );
  const all = { state: null, webhookId: null, type: null, since: null, until: null };
  // Due tomorrow, so that none is sent.
  const tomorrow = new Date(bed.clock.now().getTime() + 86_400_000);
  let replayed = 0;
  await bed.app.get(OutboxListsRepository).replayAll(all, tomorrow, (events) => {
    replayed += events;
    return Promise.resolve();
  });
  expect(replayed).toBe(ROWS);
});

test('a replay that an error ends is recorded as far as it came', async () => {
  await fill('outbox_events');
  const { id } = await bed.webhook({ url: NOWHERE });
  await bed.sql(`UPDATE outbox_events SET abandoned_at = now(), webhook_id = $1`, [id]);
  // The oldest comes last.
  await bed.sql(`UPDATE outbox_events SET created_at = created_at - interval '1 day' WHERE id = '1'`);
  await bed.sql(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
    CREATE TRIGGER refused BEFORE UPDATE ON outbox_events FOR EACH ROW WHEN (OLD.id = '1') EXECUTE FUNCTION refuse()`);
  const filter = { state: 'abandoned', webhookId: id, type: null, since: null, until: null } as const;
  // None is sent.
  await bed.app.get(DeliverEvents).beforeApplicationShutdown();
  const replay = () => bed.app.get(ReplayWebhooks).replayAll(filter, 'operator');
  const recorded = () =>
    bed.sql(
      `SELECT sum((details->>'events')::int)::int AS events FROM audit_trail WHERE action = 'webhook.replay'`,
    );
  await expect(replay()).rejects.toThrow();
  await bed.sql('DROP TRIGGER refused ON outbox_events; DROP FUNCTION refuse');
  expect(await recorded()).toEqual([{ events: ROWS - 1000 }]);
  expect(await replay()).toBe(1000);
  expect(await recorded()).toEqual([{ events: ROWS }]);
});
