/**
 * Metrics: what is defined is what docs/metrics.md and GET /metrics say, and no label names a user, a grant, an account, a service or a
 * scope. Then that each counts what it says, after calls of every kind.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Metric } from '../../src/domain/metrics/definition.js';
import { PROBLEMS } from '../../src/http/problem/problem-table.js';
import { CountGrantsJob } from '../../src/operations/count-grants.job.js';
import { Metrics } from '../../src/operations/metrics.js';
import { Browser } from '../support/api.js';
import { coldUsers } from '../support/cold-users.js';
import { exhaustive } from '../support/exhaustive.js';
import { linesOf, type MetricLine, scrape, valueOf } from '../support/metric-lines.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { type Receiver, startReceiver } from '../support/webhook-receiver.js';

type Sections = Readonly<Record<string, readonly Metric[]>>;
const script = '../../scripts/generate-metrics-page.mjs';
const { allMetrics, pageOf } = (await import(script)) as {
  allMetrics: (load: (file: string) => Promise<unknown>) => Promise<Sections>;
  pageOf: (metrics: Sections) => Promise<string>;
};
const metrics = await allMetrics((file) => import(`../../src/domain/metrics/${file}`));
const defined = Object.values(metrics).flat();

describe('the definitions', () => {
  test('are all in the tables of docs/metrics.md, and nothing else is (npm run generate:metrics)', async () => {
    expect(readFileSync('docs/metrics.md', 'utf8')).toBe(await pageOf(metrics));
  });

  test('name each metric once, with its base unit at the end of the name as Prometheus recommends', () => {
    const names = defined.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
    for (const { name, type, unit, help } of defined) {
      expect(name).toMatch(/^token_broker(_[a-z]+)+$/);
      expect({ name, isCounter: name.endsWith('_total') }).toEqual({ name, isCounter: type === 'counter' });
      expect({ name, hasUnit: name.endsWith('_seconds') }).toEqual({ name, hasUnit: unit === 'seconds' });
      expect(help).toMatch(/^[A-Z1].*\.$/);
    }
  });

  /** Each has as many values as an operator configured or the code has. */
  const OPEN = [
    'method',
    'route',
    'status',
    'code',
    'client',
    'key',
    'version',
    'node',
    'migration',
    'worker',
  ];

  test('have no label but fixed lists and what an operator or the code names', () => {
    const open = defined.flatMap(({ labels }) =>
      Object.entries(labels).flatMap(([label, values]) => (typeof values === 'string' ? [label] : [])),
    );
    expect([...new Set(open)].sort()).toEqual(OPEN.toSorted());
    const labels = defined.flatMap((metric) => Object.keys(metric.labels));
    expect(
      labels.filter((label) => /user|grant|account|service|mail|sub|scope|ticket|(^|_)id$/.test(label)),
    ).toEqual([]);
  });
});

const USER = 'metrics-user-4711';
const DENIED = 'metrics-user-4712';
/** Above what the other calls of a minute need. */
const SERVICE_LIMIT = 100;

let bed: TestBed;
let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver(() => new Date());
  bed = await startTestBed({
    SERVICE_RATE_LIMIT: String(SERVICE_LIMIT),
    SLOT_LIMIT: '2',
    GOOGLE_CONCURRENCY: '1',
  });
  await bed.webhook({ url: receiver.url, secret: receiver.secret });
  await bed.api.connect({ user_id: USER, scope: YOUTUBE }, { account: ALICE.email });
  await bed.api.connect({ user_id: DENIED, scope: YOUTUBE }, { account: BOB.email, deny: true });
});
beforeEach(() => {
  bed.google.control.clearFaults();
  bed.google.control.latency('token', 0);
});
afterAll(async () => {
  await bed.stop();
  await receiver.close();
});

/** Not over HTTP, where an answer may be a second old. */
async function now(): Promise<MetricLine[]> {
  return linesOf(await bed.app.get(Metrics).registry.metrics());
}

async function read(name: string, labels: Record<string, string> = {}): Promise<number> {
  return valueOf(await now(), name, labels) ?? 0;
}

/** By how much each changed while something was done. What follows a response is counted a moment later. */
async function changes(
  wanted: readonly (readonly [name: string, labels: Record<string, string>, by: number])[],
  act: () => Promise<unknown>,
): Promise<void> {
  const before = await now();
  await act();
  const changed = async () => {
    const after = await now();
    return wanted.map(([name, labels]) => {
      const by = (valueOf(after, name, labels) ?? 0) - (valueOf(before, name, labels) ?? 0);
      return [name, labels, by] as const;
    });
  };
  const isDone = async () => (await changed()).every(([, , by], at) => by >= (wanted[at]?.[2] ?? 0));
  await until(isDone).catch(() => undefined);
  expect(await changed()).toEqual(wanted);
}

const calls = (labels: Record<string, string>, by: number) =>
  [
    'http_request_duration_seconds_count',
    { method: 'GET', route: '/tokens/:userId', ...labels },
    by,
  ] as const;

describe('a call', () => {
  test('counts by its route, its outcome, and what its token came from', async () => {
    bed.clock.advance(3600);
    await changes(
      [
        calls({ code: 'ok', source: 'refresh', status: '200' }, 1),
        calls({ code: 'ok', source: 'store', status: '200' }, 1),
        calls({ code: 'ok', source: 'memory', status: '200' }, 2),
        calls({ code: 'not_connected', source: 'none', status: '404' }, 1),
        calls({ code: 'not_connected', source: 'memory', status: '404' }, 1),
        calls({ code: 'insufficient_scope', status: '403' }, 1),
        ['http_request_duration_seconds_count', { route: 'none', code: 'not_found', method: 'POST' }, 1],
        ['cache_lookups_total', { cache: 'responses', result: 'hit' }, 3],
        ['cache_lookups_total', { cache: 'grants', result: 'hit' }, 2],
        ['google_refreshes_total', { client: 'default', outcome: 'token', cause: 'none' }, 1],
        ['google_refresh_duration_seconds_count', { client: 'default', outcome: 'token' }, 1],
        ['google_queue_wait_seconds_count', { client: 'default', outcome: 'served' }, 1],
        ['refresh_leases_total', { outcome: 'taken' }, 1],
      ],
      async () => {
        for (const status of [200, 200, 200, 200]) expect((await bed.api.token(USER)).status).toBe(status);
        for (const status of [404, 404]) expect((await bed.api.token('unknown-4713')).status).toBe(status);
        expect((await bed.api.token(USER, { scope: YOUTUBE_MONEY })).status).toBe(403);
        await fetch(`${bed.url}/nothing/${USER}`, { method: 'POST' });
      },
    );
    expect(await read('cache_entries', { cache: 'responses' })).toBeGreaterThan(0);
    expect(await read('cache_max_entries', { cache: 'refusals' })).toBe(5000);
  });

  test('over the limit of its service counts by that limit, and one without a credential by its address', async () => {
    const service = await bed.service();
    await changes([['rate_limited_total', { limit: 'service' }, 1]], async () => {
      let status = 0;
      for (let call = 0; call <= SERVICE_LIMIT && status !== 429; call++)
        ({ status } = await service.token('unknown-4713'));
      expect(status).toBe(429);
    });
  });
});

describe('a refresh', () => {
  exhaustive.test('at work holds a lease and a turn, and others wait for theirs', async () => {
    const users = await coldUsers(bed, 'metrics-queue', 2);
    bed.google.control.failNext('token', { delayMs: 1500 }, 1);
    const responses = users.map((user) => bed.api.token(user));
    await until(async () => {
      const lines = await now();
      const valueNow = (name: string) => valueOf(lines, name);
      return (
        valueNow('google_queue_depth') === 1 &&
        valueNow('google_queue_in_use') === 1 &&
        valueNow('google_queue_turns') === 1 &&
        valueNow('refresh_leases_held') === 1
      );
    });
    for (const { status } of await Promise.all(responses)) expect(status).toBe(200);
    await until(
      async () => (await read('refresh_leases_held')) === 0 && (await read('google_queue_depth')) === 0,
    );
    expect(await read('google_circuit_state', { client: 'default', state: 'closed' })).toBe(1);
    expect(await read('google_circuit_state', { client: 'default', state: 'open' })).toBe(0);
  });

  test('that Google refuses counts by its outcome and cause, of a fixed list', async () => {
    const [first = '', second = ''] = await coldUsers(bed, 'metrics-refused', 2);
    const of = (outcome: string, cause: string) => ['google_refreshes_total', { outcome, cause }, 1] as const;
    await changes([of('unavailable', 'http_error'), of('unavailable', 'other_google_error')], async () => {
      bed.google.control.failNext('token', { status: 502, body: '<p>Bad gateway</p>' });
      expect((await bed.api.token(first)).status).toBe(503);
      bed.google.control.failNext('token', { status: 503, body: { error: 'made_up_by_google' } });
      expect((await bed.api.token(second)).status).toBe(503);
    });
    expect(await scrape(bed.url)).not.toContain('made_up');
  });

  exhaustive.test(
    'that waits for the lease of another replica counts once, however often it asks',
    async () => {
      const [user = ''] = await coldUsers(bed, 'metrics-waits', 1);
      await bed.sql(
        `UPDATE grants SET lease_owner = gen_random_uuid(), lease_awaited = false,
        lease_expires_at = clock_timestamp() + interval '900 milliseconds' WHERE user_id = $1`,
        [user],
      );
      await changes(
        [
          ['refresh_leases_total', { outcome: 'waited' }, 1],
          ['refresh_leases_total', { outcome: 'taken' }, 1],
        ],
        async () => {
          expect((await bed.api.token(user)).status).toBe(200);
        },
      );
    },
  );

  exhaustive.test('whose grant is deleted meanwhile loses its lease', async () => {
    const [user = ''] = await coldUsers(bed, 'metrics-loses', 1);
    const { body } = await bed.api.get(`/users/${user}/grants`);
    const [grant] = body['grants'] as { id: string }[];
    bed.google.control.failNext('token', { delayMs: 800 }, 1);
    await changes([['refresh_leases_lost_total', {}, 1]], async () => {
      const response = bed.api.token(user);
      await until(async () => (await read('refresh_leases_held')) === 1);
      await bed.api.delete(`/grants/${grant?.id ?? ''}`, { mode: 'local' });
      expect((await response).status).toBe(404);
    });
  });
});

describe('a connect', () => {
  test('counts each of its steps, and how it ends', async () => {
    const step = (name: string, outcome: string, by = 1) =>
      ['connect_steps_total', { step: name, outcome }, by] as const;
    await changes(
      [
        ...['link', 'open', 'google', 'response', 'exchange'].map((name) => step(name, 'ok', 2)),
        step('open', 'refused'),
        step('response', 'refused'),
        ['connects_total', { outcome: 'ok', cause: 'none' }, 2],
        ['connects_total', { outcome: 'refused', cause: 'state_missing' }, 1],
        ['slots_nearly_full_total', { client: 'second' }, 1],
      ],
      async () => {
        // The second takes the second of two slots.
        for (const user_id of [`${USER}-a`, `${USER}-b`])
          await bed.api.connect({ user_id, scope: YOUTUBE, client: 'second' }, { account: ALICE.email });
        await fetch(`${bed.url}/connect?ticket=made-up`);
        await fetch(`${bed.url}/callback`);
      },
    );
  });

  test('counts the links of refusals, and not that of a page of grants', async () => {
    await changes([['connect_steps_total', { step: 'link', outcome: 'ok' }, 2]], async () => {
      for (const user of [`${USER}-c`, `${USER}-d`]) {
        const { body } = await bed.api.token(user, { scope: YOUTUBE });
        expect(body['connect_url']).toContain('/connect?ticket=');
      }
      const page = await bed.api.post('/connect/tickets', { purpose: 'manage', user_id: USER });
      expect(page.status).toBe(201);
    });
  });
});

describe('the page of a result', () => {
  test('counts no step, however often it is loaded with a link to try again', async () => {
    const { id, url } = await bed.api.ticket({ user_id: `${USER}-e`, scope: YOUTUBE });
    const browser = new Browser();
    await browser.begin(url);
    const steps = ['link', 'open', 'google'].map(
      (step) => ['connect_steps_total', { step, outcome: 'ok' }, 0] as const,
    );
    await changes(steps, async () => {
      for (let load = 0; load < 3; load++)
        expect((await browser.open(`${bed.url}/connect/result?ticket=${id}`)).text).toContain(
          '/connect?ticket=',
        );
    });
  });
});

describe('an event', () => {
  const waiting = async () => {
    const [row] = await bed.sql(
      'SELECT count(*)::int AS count FROM outbox_events WHERE delivered_at IS NULL',
    );
    return row?.['count'];
  };

  test('from Google counts by its type, once handled and then repeated', async () => {
    const subject = { subject_type: 'iss-sub', iss: `${bed.google.url}/`, sub: '999' };
    const event = (name: string, outcome: string) =>
      ['security_events_total', { event: name, outcome }, 1] as const;
    await changes(
      [event('sessions-revoked', 'handled'), event('sessions-revoked', 'repeated'), event('none', 'refused')],
      async () => {
        const to = `${bed.url}/security-events/google`;
        const { token } = await bed.google.control.sendSecurityEvent({
          type: 'sessions-revoked',
          subject,
          to,
        });
        for (const body of [token, `${token}x`])
          await fetch(to, { method: 'POST', headers: { 'content-type': 'application/secevent+jwt' }, body });
      },
    );
  });

  exhaustive.test('for the app counts by how its delivery went, and how long it waits', async () => {
    // What the tests before caused.
    await until(async () => {
      bed.clock.advance(1);
      return (await waiting()) === 0;
    });
    await changes(
      [
        ['webhook_deliveries_total', { outcome: 'retried' }, 1],
        ['webhook_delivery_duration_seconds_count', { outcome: 'retried' }, 1],
        ['webhook_deliveries_total', { outcome: 'delivered' }, 1],
      ],
      async () => {
        const delivered = await read('webhook_deliveries_total', { outcome: 'delivered' });
        receiver.respondWith(500);
        await bed.api.connect(
          { user_id: `${USER}-c`, scope: YOUTUBE, client: 'elsewhere' },
          { account: BOB.email },
        );
        await until(async () => {
          bed.clock.advance(1);
          return (await read('webhook_deliveries_total', { outcome: 'delivered' })) > delivered;
        });
      },
    );
    await bed.sql(
      `INSERT INTO outbox_events (id, type, payload, created_at, next_attempt_at)
        VALUES ('msg_waits', 'grant.connected', '{}', $1, $2)`,
      [new Date(bed.clock.now().getTime() - 120_000), new Date(bed.clock.now().getTime() + 3600_000)],
    );
    await until(async () => (await read('webhook_backlog')) >= 1);
    await until(async () => (await read('webhook_oldest_age_seconds')) >= 120);
  });

  exhaustive.test('of the audit trail that cannot be written counts as waiting, with its age', async () => {
    await bed.sql('REVOKE INSERT ON audit_trail FROM token_broker_runtime');
    try {
      await bed.api.token(USER);
      await until(
        async () =>
          (await read('audit_write_failures_total')) >= 1 &&
          (await read('audit_queue_events')) >= 1 &&
          (await read('audit_queue_age_seconds')) > 0,
      );
    } finally {
      await bed.sql('GRANT INSERT ON audit_trail TO token_broker_runtime');
    }
    await until(async () => (await read('audit_queue_events')) === 0);
    expect(await read('audit_queue_age_seconds')).toBe(0);
  });
});

describe('the figures that all replicas share', () => {
  exhaustive.test('come from a count that one replica makes after the first read', async () => {
    const [row] = await bed.sql(
      `SELECT count(*)::int AS grants FROM grants WHERE status = 'active' AND client = 'second'`,
    );
    const [newest] = await bed.sql('SELECT max(migration_name) AS migration FROM _prisma_migrations');
    expect(row?.['grants']).toBeGreaterThan(0);
    const seconds = () => bed.clock.now().getTime() / 1000;
    const since = seconds();
    await until(async () => {
      bed.clock.advance(61);
      const isThere = (await read('grants', { client: 'second', status: 'active' })) === row?.['grants'];
      return isThere && (await read('grants_counted_timestamp_seconds')) >= since;
    });
    const lines = await now();
    for (const days of ['3', '7', '30'])
      expect(valueOf(lines, 'grants_expiring', { client: 'second', days })).toBe(0);
    expect(valueOf(lines, 'accounts_nearly_full', { client: 'second' })).not.toBeNull();
    const services = ['day', 'week', 'month', 'longer'].map((last_used) =>
      valueOf(lines, 'services', { last_used }),
    );
    expect(services.slice(1, 3)).toEqual([0, 0]);
    expect(valueOf(lines, 'services')).toBe(2);
    expect(valueOf(lines, 'schema_info', { migration: String(newest?.['migration']) })).toBe(1);
    expect(valueOf(lines, 'store_figures_up')).toBe(1);
    expect(valueOf(lines, 'grants_counted_timestamp_seconds')).toBeLessThanOrEqual(seconds());
  });

  test('are counted again while they are read, and not once nothing has read them for ten minutes', async () => {
    const job = bed.app.get(CountGrantsJob);
    const running = new AbortController().signal;
    const countedAt = async () => {
      const [row] = await bed.sql("SELECT claimed_at FROM overview_snapshots WHERE name = 'grants'");
      return Number(row?.['claimed_at']);
    };
    // The scheduler may begin a count of its own just before the clock is advanced.
    await until(async () => {
      await now();
      await job.countIfDue(running);
      bed.clock.advance(601);
      await job.countIfDue(running);
      return (await countedAt()) < bed.clock.now().getTime() - 600_000;
    });
    const before = await countedAt();
    // That count may still run, or have ended after the clock was advanced: the next is due 170 seconds later.
    await until(async () => {
      await now();
      await job.countIfDue(running);
      bed.clock.advance(61);
      return (await countedAt()) > before + 600_000;
    });
  });

  exhaustive.test('are left out while the database does not answer, and the others are not', async () => {
    const locks = new pg.Client({ connectionString: bed.ownerUrl });
    await locks.connect();
    try {
      await locks.query('BEGIN');
      await locks.query('LOCK TABLE overview_snapshots IN ACCESS EXCLUSIVE MODE');
      await until(async () => {
        const lines = await now();
        return valueOf(lines, 'store_figures_up') === 0 && valueOf(lines, 'grants') === null;
      });
      const lines = await now();
      expect(valueOf(lines, 'webhook_backlog')).toBeNull();
      expect(valueOf(lines, 'database_pool_max_connections', { server: 'database' })).toBe(
        Number(bed.settings['DATABASE_POOL_SIZE']),
      );
      expect(valueOf(lines, 'database_pool_connections')).toBeGreaterThan(0);
      expect(valueOf(lines, 'database_pool_connections', { state: 'in_use' })).toBeGreaterThan(0);
    } finally {
      await locks.query('ROLLBACK');
      await locks.end();
    }
    await until(async () => (await read('store_figures_up')) === 1);
  });
});

test('a process says its version, its keys and whether it receives changes', async () => {
  await until(async () => (await read('change_feed_up')) === 1);
  const lines = await now();
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(valueOf(lines, 'build_info', { version, node: process.version })).toBe(1);
  expect(valueOf(lines, 'change_feed_heartbeat_age_seconds')).toBeLessThan(10);
  expect(valueOf(lines, 'change_feed_lag_seconds')).toBeGreaterThan(0);
  const midnight = Math.floor(Date.now() / 86_400_000) * 86_400;
  const createdAt = valueOf(lines, 'key_created_timestamp_seconds', { use: 'seal' }) ?? 0;
  expect([midnight - 86_400, midnight]).toContain(createdAt);
  expect(valueOf(lines, 'seals_total')).toBeGreaterThan(0);
});

// The last: every kind of call has been made.
describe('GET /metrics, after all of that', () => {
  test('has each defined metric with its type and help, and only the defined labels and values', async () => {
    const text = await scrape(bed.url);
    // A supervisor adds them: workers.test.ts.
    const own = defined.filter(({ name }) => !name.startsWith('token_broker_worker_'));
    const headers = [...text.matchAll(/^# TYPE (token_broker_\w+) (\w+)$/gm)].map(
      ([, name, type]) => `${name ?? ''} ${type ?? ''}`,
    );
    expect(headers.sort()).toEqual(own.map(({ name, type }) => `${name} ${type}`).sort());
    for (const { name, help } of own) expect(text).toContain(`# HELP ${name} ${help}\n`);
    const lines = linesOf(text).filter(({ name }) => name.startsWith('token_broker_'));
    for (const { name, labels, value } of lines) {
      const metric = own.find(
        (each) => name === each.name || (each.type === 'histogram' && name.startsWith(`${each.name}_`)),
      );
      const { le: _, ...rest } = labels;
      expect({ name, labels: Object.keys(rest) }).toEqual({
        name,
        labels: Object.keys(metric?.labels ?? {}),
      });
      expect({ name, labels, isNumber: Number.isFinite(value) }).toEqual({ name, labels, isNumber: true });
      for (const [label, word] of Object.entries(rest)) {
        const words = metric?.labels[label] ?? '';
        if (typeof words === 'string') expect(isKnown(label, word)).toBe(true);
        else expect(words).toContain(word);
      }
    }
  });

  /** What an operator or the code named. */
  function isKnown(label: string, word: string): boolean {
    if (label === 'client') return ['default', 'second', 'elsewhere'].includes(word);
    if (label === 'code') return ['ok', 'none', ...Object.keys(PROBLEMS)].includes(word);
    if (label === 'method') return ['GET', 'HEAD', 'POST', 'DELETE', 'none'].includes(word);
    if (label === 'status') return /^[2-5]\d\d$/.test(word);
    // Every part that a caller chooses is a parameter.
    if (label === 'route')
      return word === 'none' || /^(\/([a-z][a-z0-9-]*|:\w+|\.well-known|[a-z]+\.\w+|\*))+$/.test(word);
    return /^[\w.-]+$/.test(word);
  }

  test('names no user, account, service, grant, ticket or scope', async () => {
    const text = await scrape(bed.url);
    const rows = await bed.sql(
      `SELECT user_id AS text FROM grants UNION SELECT account_sub FROM grants UNION SELECT account_email FROM grants
        UNION SELECT id::text FROM grants UNION SELECT unnest(granted_scopes) FROM grants
        UNION SELECT id FROM services UNION SELECT name FROM services UNION SELECT id::text FROM connect_tickets`,
    );
    const secrets = rows.flatMap((row) => (typeof row['text'] === 'string' ? [row['text']] : []));
    expect(secrets.length).toBeGreaterThan(10);
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
    for (const word of [USER, DENIED, 'metrics-', 'unknown-', '@', 'https://', 'googleapis'])
      expect(text).not.toContain(word);
  });

  const promtool = spawnSync('promtool', ['--version']).status === 0 ? test : test.skip;
  promtool('passes `promtool check metrics` (skipped where promtool is missing)', async () => {
    const input = await scrape(bed.url);
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input,
      encoding: 'utf8',
    });
    expect({ status, output: stdout + stderr }).toEqual({ status: 0, output: '' });
  });
});
