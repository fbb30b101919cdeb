/** The overview of the console: what it counts, for all replicas together, and what it says about that. */
import pg from 'pg';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Settings } from '../../src/config/settings.js';
import { STORED_STATUSES } from '../../src/domain/grant/grant.js';
import { Clock } from '../../src/domain/ports/clock.js';
import { generateKeyRing } from '../../src/sealing/key-ring.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { Database } from '../../src/token-store/client/database.js';
import { ActivityRepository } from '../../src/token-store/console/activity.repository.js';
import {
  clientsOfGrants,
  countByStatus,
  countDead,
  countExpiring,
} from '../../src/token-store/console/count-grants.js';
import { CountRun } from '../../src/token-store/console/count-run.js';
import { OverviewRepository } from '../../src/token-store/console/overview.repository.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { ConsoleBrowser } from './console-browser.js';

let bed: TestBed;
let operator: ConsoleBrowser;
let viewer: ConsoleBrowser;
beforeAll(async () => {
  bed = await startTestBed({ CONSOLE_OPERATORS: ALICE.email, CONSOLE_VIEWERS: BOB.email });
  operator = new ConsoleBrowser(bed.url);
  viewer = new ConsoleBrowser(bed.url);
  await operator.signIn(ALICE.email);
  await viewer.signIn(BOB.email);
});
afterAll(() => bed.stop());

type Counts = Readonly<Record<string, number>>;

async function written(): Promise<Counts> {
  const rows = await bed.sql(
    "SELECT kind, sum(count)::int AS count FROM activity_counts WHERE span = 'minute' GROUP BY kind",
  );
  return Object.fromEntries(rows.map(({ kind, count }) => [kind as string, count as number]));
}

/** Lets a minute pass, after which the process writes what it counted. */
async function counted(isComplete: (counts: Counts) => boolean): Promise<Counts> {
  bed.clock.advance(61);
  let counts: Counts = {};
  await until(async () => isComplete((counts = await written())));
  return counts;
}

/** Of the last day, once the minutes are summed up: what was counted before an hour passed is not of the last hour. */
async function dayWith(part: string): Promise<string> {
  let text = '';
  await until(async () => {
    bed.clock.advance(61);
    return (text = await page('?period=day')).includes(part);
  });
  return text;
}

async function page(query = ''): Promise<string> {
  return (await operator.get(`/console${query}`)).text;
}

/** Of when the grants were counted last, as milliseconds. */
async function countedAt(): Promise<number> {
  const [row] = await bed.sql("SELECT taken_at FROM overview_snapshots WHERE name = 'grants'");
  return Number(row?.['taken_at'] ?? 0);
}

/** A job that counts at the same moment is left to finish; it began before what the test did. */
async function countAgain(): Promise<void> {
  const since = bed.clock.now().getTime();
  await until(async () => {
    bed.clock.advance(6);
    expect((await operator.submit(await operator.get('/console'), '/console/count')).status).toBe(303);
    return (await countedAt()) > since;
  });
}

const DAY_MS = 86_400_000;

async function runOfCount(): Promise<CountRun> {
  const options = { restMs: 0, shutdown: new AbortController().signal };
  const run = await CountRun.begin(
    bed.app.get(Database),
    `test ${Math.random()}`,
    bed.app.get(Clock),
    options,
  );
  if (!run) throw new Error('Another count goes on.');
  return run;
}

/** Locks the table: its readers wait. */
async function lockOf(table: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: bed.ownerUrl });
  await client.connect();
  await client.query('BEGIN');
  await client.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  return client;
}

describe('the overview', () => {
  test('counts tokens by where they came from, connects, and the answers of Google', async () => {
    await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
    await bed.api.connect({ user_id: 'bob', scope: YOUTUBE }, { account: BOB.email, deny: true });
    for (let call = 0; call < 4; call++) expect((await bed.api.token('alice')).status).toBe(200);
    bed.clock.advance(3600);
    expect((await bed.api.token('alice')).status).toBe(200);
    const counts = await counted((now) => now['tokens.refreshed'] === 1);
    expect(counts).toMatchObject({
      'tokens.stored': 1,
      'tokens.warm': 3,
      'tokens.refreshed': 1,
      'connects.started': 2,
      'connects.finished': 1,
      'connects.denied': 1,
      'google.token': 1,
    });
    const text = await dayWith('refreshed <b>1</b>');
    expect(text).toContain('warm <b>3</b>');
    expect(text).toContain('started <b>2</b>');
    expect(text).toMatch(/half of all <b>\d+ ms<\/b>/);
  });

  test('writes each count once', async () => {
    const issued = (counts: Counts) => (counts['tokens.warm'] ?? 0) + (counts['tokens.stored'] ?? 0);
    const before = issued(await written());
    for (let calls = 1; calls <= 2; calls++) {
      expect((await bed.api.token('alice')).status).toBe(200);
      await counted((now) => issued(now) >= before + calls);
    }
    expect(issued(await written())).toBe(before + 2);
  });

  test('shows grants by client and status, and who must act for those that are dead', async () => {
    await countAgain();
    expect(await page()).toMatch(/Active grants<\/h2><p class="figure">1</);
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(3700);
    expect((await bed.api.token('alice')).status).toBe(410);
    await countAgain();
    const text = await page();
    expect(text).toMatch(/Active grants<\/h2><p class="figure">0</);
    expect(text).toMatch(/Without tokens<\/h2><p class="figure">1</);
    expect(text).toContain('<span class="badge bad">reconnect required</span>');
    expect(text).toContain('user revoked');
    expect(text).toContain('<span class="badge plain">user</span>');
  });

  test.each([1, 2, 7, 500])(
    'counts every grant once in steps of %p, also those of one moment',
    async (step) => {
      await bed.sql(
        `INSERT INTO grants (id, user_id, client, account_sub, status, granted_scopes, refresh_token_issued_at, created_at, consented_at, diagnosis)
         SELECT gen_random_uuid(), 'counted-' || n, 'counted-' || n % 2, 'counted', ($1::text[])[1 + n / 2 % $2::int], '{youtube}',
           now() - n % 7 * interval '1 day', date_trunc('hour', now()) - n / 10 * interval '1 second', now(),
           CASE WHEN n % 3 > 0 THEN jsonb_build_object('cause', 'cause-' || n % 3, 'who_must_act', 'user') END
         FROM generate_series(1, 80) AS n`,
        [STORED_STATUSES, STORED_STATUSES.length],
      );
      const run = await runOfCount();
      const clients = await clientsOfGrants(run);
      const counted = await countByStatus(run, clients, step);
      const dead = await countDead(run, clients, step);
      const week = new Date(Date.now() + 5 * DAY_MS);
      const within = [3, 5, 30].map((days) => new Date(Date.now() + days * DAY_MS)) as [Date, Date, Date];
      const expiring = await countExpiring(run, 'counted-1', true, within, step);
      const all = await bed.sql(
        'SELECT client, status, count(*)::int AS count FROM grants GROUP BY client, status ORDER BY client, status',
      );
      const causes = await bed.sql(`
        SELECT diagnosis->>'cause' AS cause, diagnosis->>'who_must_act' AS "whoMustAct", count(*)::int AS count FROM grants
        WHERE status IN ('suspended', 'reconnect_required') GROUP BY 1, 2`);
      const [due] = await bed.sql(
        `SELECT count(*)::int AS month, count(*) FILTER (WHERE expires_at_in_testing <= $1)::int AS week FROM grants
         WHERE client = 'counted-1' AND expires_at_in_testing IS NOT NULL`,
        [week],
      );
      await bed.sql(`DELETE FROM grants WHERE user_id LIKE 'counted%'`);
      expect(counted).toEqual(all);
      const seen = new Set(
        counted.filter(({ client }) => client.startsWith('counted')).map(({ status }) => status),
      );
      expect([...seen].sort()).toEqual([...STORED_STATUSES].sort());
      expect(new Set(dead)).toEqual(new Set(causes));
      expect(dead.length).toBeGreaterThanOrEqual(3);
      expect(expiring).toMatchObject({ client: 'counted-1', ...due });
      expect(expiring.soon).toBeGreaterThan(0);
      expect(expiring.week).toBeGreaterThan(expiring.soon);
      expect(expiring.month).toBeGreaterThan(expiring.week);
    },
  );

  test('keeps what it could count where a part of it fails, and says which part', async () => {
    const columns = await bed.sql(
      "SELECT string_agg(quote_ident(column_name), ', ') AS others FROM information_schema.columns WHERE table_name = 'grants' AND column_name <> 'diagnosis'",
    );
    const runtime = 'token_broker_runtime';
    await bed.sql(`REVOKE SELECT ON grants FROM ${runtime}`);
    await bed.sql(`GRANT SELECT (${String(columns[0]?.['others'])}) ON grants TO ${runtime}`);
    try {
      await countAgain();
      const text = await page();
      expect(text).toMatch(/Active grants<\/h2><p class="figure">0</);
      expect(text).toMatch(/Without tokens<\/h2><p class="figure">1</);
      expect(text).toContain('A part of the grants could not be counted (why grants give no tokens)');
      expect(text).not.toContain('Every grant gives tokens.');
      expect(bed.log()).toContain('a part of the count failed');
    } finally {
      await bed.sql(`GRANT SELECT ON grants TO ${runtime}`);
    }
    await countAgain();
    expect(await page()).not.toContain('could not be counted');
  });

  test('shows a key that waits as the next one, and not among the older ones', async () => {
    const path = bed.settings['KEY_RING_FILE'] ?? '';
    const former = readFileSync(path, 'utf8');
    const sealsFrom = new Date(Date.now() + 600_000);
    writeFileSync(path, generateKeyRing(new Date(), former, sealsFrom));
    try {
      await until(async () => (await page()).includes('Next key'));
      expect(await page()).toMatch(/Next key.*seals <time.*Older keys<\/dt><dd>None/s);
    } finally {
      writeFileSync(path, former);
      await until(async () => !(await page()).includes('Next key'));
    }
  });

  test('is counted by one at a time, however long it takes and however often it is asked for', async () => {
    await countAgain();
    const before = await countedAt();
    const [grants, tokens] = [await lockOf('grants'), await lockOf('refresh_tokens')];
    const waiting = async () => {
      // But for the job that counts slots which could not be counted.
      const [row] = await bed.sql(
        "SELECT count(*)::int AS count FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() AND query NOT LIKE '%last_used_at <%'",
      );
      return row?.['count'];
    };
    const own = await operator.get('/console');
    const ask = () => operator.submit(own, '/console/count');
    try {
      bed.clock.advance(6);
      const first = ask();
      await until(async () => (await waiting()) === 1);
      // Longer than the claim, with a statement between.
      bed.clock.advance(20);
      await grants.end();
      await until(async () => (await waiting()) === 1);
      bed.clock.advance(20);
      const repository = bed.app.get(OverviewRepository);
      const options = { restMs: 5_000, shutdown: new AbortController().signal };
      await repository.takeSnapshot([], bed.app.get(Settings), options);
      // A second count would wait too; the first may be between two statements just now.
      await until(async () => (await waiting()) === 1);
      await tokens.end();
      expect((await first).status).toBe(303);
      await until(async () => (await countedAt()) > before);
    } finally {
      await grants.end();
      await tokens.end();
    }
  });

  test('says how old the count of the grants is', async () => {
    await countAgain();
    bed.clock.advance(100);
    expect(await page()).toMatch(/Grants as counted <time[^>]*>(\d+ seconds|1 minute|2 minutes) ago/);
  });

  test('has the grants counted every few minutes, whether or not it is read', async () => {
    const before = await countedAt();
    bed.clock.advance(3600);
    await until(async () => (await countedAt()) > before + 3_500_000);
  });

  test.each(['', '?period=day', '?period=month', '?period=never'])('answers %p', async (query) => {
    const { status, text } = await operator.get(`/console${query}`);
    expect(status).toBe(200);
    expect(text).toContain('aria-current="true"');
    expect(text.match(/role="img"/g)?.length).toBeGreaterThanOrEqual(4);
  });

  test('lets an operator count again, under their name, and no viewer', async () => {
    // Events of the tests before are written behind.
    await bed.app.get(AuditLog).flush();
    await bed.reset();
    await countAgain();
    const seen = await viewer.get('/console');
    expect(seen.text).not.toContain('/console/count');
    const own = await operator.get('/console');
    const token = /name="form_token" value="([^"]*)"/.exec(seen.text)?.[1] ?? '';
    const refused = await viewer.submit(own, '/console/count', { form_token: token });
    expect(refused.status).toBe(403);
    expect(refused.text).toContain('Your role may not do this');
    await bed.app.get(AuditLog).flush();
    const events = await bed.sql("SELECT actor, outcome FROM audit_trail WHERE action = 'console.count'");
    expect(events).toHaveLength(2);
    expect(events).toContainEqual({ actor: `console:${ALICE.email}`, outcome: 'ok' });
    expect(events).toContainEqual({ actor: `console:${BOB.email}`, outcome: 'not_allowed' });
  });
});

describe('the counts of all replicas', () => {
  test('are added up by minute, then by hour and day, as often as one likes', async () => {
    const repository = bed.app.get(ActivityRepository);
    await bed.sql('DELETE FROM activity_counts');
    const at = new Date('2027-03-01T11:59:30Z');
    for (const minutes of [0, 0, 1, 61])
      await repository.add(new Date(at.getTime() - minutes * 60_000), new Map([['tokens.warm', 5]]));
    for (let run = 0; run < 2; run++) await repository.sumUp(new Date('2027-03-01T12:00:00Z'));
    expect(
      await bed.sql(
        "SELECT span, starts_at, count::int FROM activity_counts WHERE starts_at > '2027-01-01' ORDER BY span, starts_at",
      ),
    ).toEqual([
      { span: 'day', starts_at: new Date('2027-03-01T00:00:00Z'), count: 20 },
      { span: 'hour', starts_at: new Date('2027-03-01T10:00:00Z'), count: 5 },
      { span: 'hour', starts_at: new Date('2027-03-01T11:00:00Z'), count: 15 },
      { span: 'minute', starts_at: new Date('2027-03-01T10:58:00Z'), count: 5 },
      { span: 'minute', starts_at: new Date('2027-03-01T11:58:00Z'), count: 5 },
      { span: 'minute', starts_at: new Date('2027-03-01T11:59:00Z'), count: 10 },
    ]);
  });

  test('are deleted, minutes after two days and hours after forty', async () => {
    const repository = bed.app.get(ActivityRepository);
    await repository.prune(new Date('2027-03-04T12:00:00Z'));
    const spans = () =>
      bed.sql("SELECT DISTINCT span FROM activity_counts WHERE starts_at > '2027-01-01' ORDER BY span");
    expect(await spans()).toEqual([{ span: 'day' }, { span: 'hour' }]);
    await repository.prune(new Date('2027-04-20T12:00:00Z'));
    expect(await spans()).toEqual([{ span: 'day' }]);
  });

  test('are summed up by one replica at a time', async () => {
    const repository = bed.app.get(OverviewRepository);
    const now = new Date('2027-03-01T12:00:00Z');
    const before = new Date('2027-03-01T11:57:00Z');
    const claims = await Promise.all([1, 2, 3].map(() => repository.claim('activity', now, before)));
    expect(claims.filter(Boolean)).toHaveLength(1);
    expect(await repository.claim('activity', new Date('2027-03-01T12:03:00Z'), now)).toBe(true);
  });

  test('are summed up whichever replica counts the grants', async () => {
    await bed.sql("UPDATE overview_snapshots SET claimed_at = '2100-01-01' WHERE name = 'grants'");
    await bed.sql("DELETE FROM overview_snapshots WHERE name = 'activity'");
    await bed.sql('DELETE FROM activity_counts');
    const at = bed.clock.now();
    await bed.app.get(ActivityRepository).add(at, new Map([['tokens.warm', 5]]));
    bed.clock.advance(61);
    await until(async () => {
      const days = await bed.sql("SELECT count::int FROM activity_counts WHERE span = 'day'");
      return days.some(({ count }) => count === 5);
    });
  });
});
