/** Fills the tables behind the console as some weeks of use would: for tests and for those who look at its pages. */
import type { TestBed } from '../support/test-bed.js';

export async function fillConsole({ sql, clock }: TestBed): Promise<void> {
  const now = clock.now();
  await sql(
    `INSERT INTO activity_counts (span, starts_at, kind, count)
     SELECT span, date_bin(step::interval, $1::timestamptz - n * step::interval, '2000-01-01 00:00:00+00'), kind,
       (height * scale * (1.2 + sin(n / 5.0 + length(kind))) * (1 + (n * 7919 % 13) / 40.0))::bigint
     FROM (VALUES ('minute', '1 minute', 60, 1), ('hour', '1 hour', 24, 55), ('day', '1 day', 30, 1200)) AS spans (span, step, steps, scale)
     CROSS JOIN LATERAL generate_series(1, steps - 1) AS n
     CROSS JOIN (VALUES ('tokens.warm', 1800), ('tokens.stored', 240), ('tokens.refreshed', 60),
       ('connects.started', 6), ('connects.finished', 4), ('connects.partial', 1), ('connects.denied', 1), ('connects.failed', 0.4),
       ('google.token', 60), ('google.dead', 1), ('google.unavailable', 2), ('latency.100', 10), ('latency.150', 40),
       ('latency.200', 12), ('latency.600', 3)) AS kinds (kind, height)
     ON CONFLICT DO NOTHING`,
    [now],
  );
  const content = {
    byStatus: [
      { client: 'ads', status: 'active', count: 182_440 },
      { client: 'ads', status: 'reconnect_required', count: 3121 },
      { client: 'ads', status: 'revoked', count: 9712 },
      { client: 'default', status: 'active', count: 640_218 },
      { client: 'default', status: 'suspended', count: 12 },
      { client: 'default', status: 'reconnect_required', count: 8809 },
    ],
    expiring: [
      { client: 'ads', week: 310, month: 1204 },
      { client: 'default', week: 1022, month: 5120 },
    ],
    dead: [
      { cause: 'user_revoked', whoMustAct: 'user', count: 7020 },
      { cause: 'testing_mode', whoMustAct: 'operator', count: 3121 },
      { cause: 'admin_policy_enforced', whoMustAct: 'workspace_admin', count: 1405 },
      { cause: 'slot_eviction', whoMustAct: 'user', count: 384 },
      { cause: 'account_disabled', whoMustAct: 'user', count: 12 },
    ],
    fullest: [
      { client: 'ads', accountSub: '1', email: 'agency@example.com', used: 97 },
      {
        client: 'default',
        accountSub: '2',
        email: 'shared.inbox.of.the.whole.company@subsidiary.example.com',
        used: 74,
      },
      { client: 'default', accountSub: '103400000000000000003', email: null, used: 21 },
    ],
  };
  await sql(
    `INSERT INTO overview_snapshots (name, claimed_at, taken_at, content) VALUES ('grants', $1::timestamptz + interval '1 day', $1, $2)
     ON CONFLICT (name) DO UPDATE SET claimed_at = excluded.claimed_at, taken_at = $1, content = $2`,
    [now, JSON.stringify(content)],
  );
}
