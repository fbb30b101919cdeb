/** The pages of services, their delegated credentials, and their connect tickets. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Metrics } from '../../src/operations/metrics.js';
import { ServiceRegistry } from '../../src/services/service-registry.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { isCluster } from '../support/cluster.js';
import { Browser } from '../support/api.js';
import { linesOf, valueOf } from '../support/metric-lines.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { ConsoleBrowser } from './console-browser.js';

const ACTOR = `console:${ALICE.email}`;
let bed: TestBed;
let operator: ConsoleBrowser;
let viewer: ConsoleBrowser;
let reports: string;
beforeAll(async () => {
  bed = await startTestBed({ CONSOLE_OPERATORS: ALICE.email, CONSOLE_VIEWERS: BOB.email });
  const registry = bed.app.get(ServiceRegistry);
  const rights = { audit: false, disconnect: true, revoke: false, force: false, import: false };
  const policy = { clients: ['default'], scopes: [YOUTUBE], users: ['team-*'], ...rights };
  reports = (await registry.create('reports', policy)).id;
  operator = new ConsoleBrowser(bed.url);
  viewer = new ConsoleBrowser(bed.url);
  await operator.signIn(ALICE.email);
  await viewer.signIn(BOB.email);
});
beforeEach(async () => {
  bed.google.control.reset();
  await bed.app.get(AuditLog).flush();
  await bed.reset();
});
afterAll(() => bed.stop());

async function audited(action: string) {
  await bed.app.get(AuditLog).flush();
  return bed.sql('SELECT actor, outcome, user_id FROM audit_trail WHERE action = $1 ORDER BY sequence', [
    action,
  ]);
}

async function linksMade(): Promise<number> {
  const lines = linesOf(await bed.app.get(Metrics).registry.metrics());
  return valueOf(lines, 'connect_steps_total', { step: 'link', outcome: 'ok' }) ?? 0;
}

describe('the page of services', () => {
  test('shows the policy of each, and how it proves who it is', async () => {
    const { status, text } = await viewer.get('/console/services');
    expect(status).toBe(200);
    expect(text).toContain('reports');
    expect(text).toContain(`<code>${reports}</code>`);
    expect(text).toContain('<dt class="soft">Users</dt><dd>team-*</dd>');
    expect(text).toContain('<dt class="soft">Also</dt><dd>disconnect</dd>');
    expect(text).toContain('not in 31 days');
  });

  test('goes on with the next page, in the order in which they were made', async () => {
    await bed.sql(
      `INSERT INTO services (id, name, clients, scopes, users, created_at)
       SELECT 'paged-' || n, 'paged-' || n, '{}', '{}', '{}', now() + n * interval '1 second' FROM generate_series(1, 55) AS n`,
    );
    const shown = (text: string) =>
      [...text.matchAll(/<code>paged-(\d+)<\/code>/g)].map(([, n]) => Number(n));
    const first = await viewer.get('/console/services');
    const next = /href="([^"]*)" rel="next"/.exec(first.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const second = await viewer.get(next);
    const all = [...shown(first.text), ...shown(second.text)];
    expect(shown(first.text).length).toBeLessThan(50);
    expect(all).toEqual(Array.from({ length: 55 }, (_, n) => n + 1));
    expect(second.text).not.toContain('rel="next"');
    expect((await viewer.get(`${next}x`)).status).toBe(400);
    await bed.sql("DELETE FROM services WHERE id LIKE 'paged-%'");
  });

  test('warns of a row that was changed in the database', async () => {
    await bed.sql(`UPDATE services SET scopes = ARRAY['*'] WHERE id = $1`, [reports]);
    const changed = await operator.get('/console/services');
    expect(changed.text).toContain('<span class="badge bad">not verified</span>');
    await bed.sql('UPDATE services SET scopes = ARRAY[$2] WHERE id = $1', [reports, YOUTUBE]);
    expect((await operator.get('/console/services')).text).not.toContain('not verified');
  });
});

describe('the page of delegated credentials', () => {
  test('revokes one, under the name of the person', async () => {
    const { body } = await bed.api.post('/services/self/credentials', { user_id: 'alice' });
    const path = `/console/credentials/${String(body['id'])}/revoke`;
    expect((await viewer.get('/console/credentials')).text).not.toContain(path);
    const list = await operator.get('/console/credentials?user=alice');
    expect(list.text).toContain('<span class="badge good">active</span>');
    const { location } = await operator.submit(list, path);
    const after = await operator.get(location ?? '');
    expect(after.text).toContain('The credential is revoked.');
    expect(after.text).toContain('<span class="badge plain">revoked</span>');
    expect(await audited('credential.revoke')).toEqual([{ actor: ACTOR, outcome: 'ok', user_id: 'alice' }]);
    expect((await operator.submit(list, path)).location?.searchParams.get('done')).toBe('revoked_before');
    expect(await audited('credential.revoke')).toHaveLength(1);
  });

  test('says so where nothing is found, and where there is no such service', async () => {
    const none = await operator.get('/console/credentials?user=x');
    expect(none.text).toContain('There are no such credentials.');
    expect((await operator.get('/console/credentials?service=x')).status).toBe(400);
  });
});

describe('the page of tickets', () => {
  test('lists them by state and by service', async () => {
    const open = await bed.api.ticket({ user_id: 'alice', scope: YOUTUBE });
    await bed.api.connect({ user_id: 'bob', scope: YOUTUBE }, { account: BOB.email });
    const listed = async (query: string) => {
      const { text } = await viewer.get(`/console/tickets${query}`);
      return ['alice', 'bob'].filter((user) => text.includes(`href="/console/users/${user}"`));
    };
    expect(await listed('')).toEqual(['alice', 'bob']);
    expect(await listed('?state=created')).toEqual(['alice']);
    expect(await listed('?state=success')).toEqual(['bob']);
    expect(await listed(`?service=${reports}`)).toEqual([]);
    expect((await viewer.get('/console/tickets')).text).toContain(`<code>${open.id}</code>`);
    bed.clock.advance(31 * 60);
    expect(await listed('?state=expired')).toEqual(['alice']);
    expect(await listed('?state=created')).toEqual([]);
    expect((await viewer.get('/console/tickets?state=lost')).status).toBe(400);
  });

  test('takes one back once, under the name of the person', async () => {
    const { id } = await bed.api.ticket({ user_id: 'alice', scope: YOUTUBE });
    const path = `/console/tickets/${id}/cancel`;
    expect((await viewer.get('/console/tickets')).text).not.toContain(path);
    const list = await operator.get('/console/tickets');
    const { location } = await operator.submit(list, path);
    const after = await operator.get(location ?? '');
    expect(after.text).toContain('The ticket is cancelled.');
    expect(after.text).not.toContain(path);
    expect((await bed.api.get(`/connect/tickets/${id}`)).body['state']).toBe('cancelled');
    expect((await operator.submit(list, path)).location?.search).toBe('?done=ended');
    expect(await audited('connect.cancel')).toEqual([
      { actor: ACTOR, outcome: 'ok', user_id: 'alice' },
      { actor: ACTOR, outcome: 'ended', user_id: 'alice' },
    ]);
  });

  test('cancels that of a page without counting a connect', async () => {
    const counted = async () =>
      (await bed.app.get(Metrics).registry.metrics()).match(/^token_broker_connects_total\{.*$/gm);
    const { id } = await bed.api.ticket({ purpose: 'manage', user_id: 'alice' });
    const before = await counted();
    await operator.submit(await operator.get('/console/tickets'), `/console/tickets/${id}/cancel`);
    expect((await bed.api.get(`/connect/tickets/${id}`)).body['state']).toBe('cancelled');
    expect(await counted()).toEqual(before);
  });

  test('goes on with the next page', async () => {
    const ids: string[] = [];
    for (let made = 0; made < 52; made++) {
      const { id } = await bed.api.ticket({ user_id: 'alice', scope: YOUTUBE });
      ids.push(id);
    }
    const first = await operator.get('/console/tickets?state=created');
    const next = /href="([^"]*)" rel="next"/.exec(first.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const second = await operator.get(next);
    const shown = (text: string) => ids.filter((id) => text.includes(`<code>${id}</code>`));
    expect(shown(first.text)).toHaveLength(50);
    expect([...shown(second.text), ...shown(first.text)].sort()).toEqual([...ids].sort());
  });
});

describe('a link made in the console', () => {
  const form = (changes: Record<string, string> = {}) => ({
    service: reports,
    client: 'default',
    scope: YOUTUBE,
    account: '',
    ...changes,
  });

  test('connects the user, as if the service had asked', async () => {
    const path = '/console/users/team-1/link';
    const shown = await operator.get(path);
    expect(shown.text).toContain(`<option value="${reports}">reports</option>`);
    const before = await linksMade();
    const made = await operator.submit(shown, path, form({ account: ALICE.email }));
    expect(made.status).toBe(200);
    expect(await linksMade()).toBe(before + 1);
    const link = /<code class="copied">([^<]*\/connect\?ticket=[^<]*)<\/code>/.exec(made.text)?.[1] ?? '';
    await new Browser().connect(link, { account: ALICE.email });
    expect((await bed.api.token('team-1')).status).toBe(200);
    expect(await audited('connect.ticket')).toEqual([{ actor: ACTOR, outcome: 'ok', user_id: 'team-1' }]);
  });

  test('begins on the page of tickets, for someone whom no list shows', async () => {
    expect((await viewer.get('/console/tickets')).text).not.toContain('action="/console/tickets/new"');
    expect((await operator.get('/console/tickets')).text).toContain('action="/console/tickets/new"');
    const { status, location } = await operator.get('/console/tickets/new?user=team-1%2F%3F');
    expect(status).toBe(303);
    expect(location?.href).toBe(`${bed.url}/console/users/team-1%2F%3F/link`);
    expect((await operator.get(location ?? '')).text).toContain('A link for team-1/?');
    expect((await operator.get('/console/tickets/new?user=')).status).toBe(400);
  });

  test('is not made by a viewer, and the trail says who tried', async () => {
    const path = '/console/users/team-1/link';
    const token = /name="form_token" value="([^"]*)"/.exec((await viewer.get(path)).text)?.[1] ?? '';
    const refused = await viewer.submit(await operator.get(path), path, form({ form_token: token }));
    expect(refused.status).toBe(403);
    expect(await bed.sql('SELECT 1 FROM connect_tickets')).toEqual([]);
    expect(await audited('connect.ticket')).toEqual([
      { actor: `console:${BOB.email}`, outcome: 'not_allowed', user_id: isCluster ? '' : null },
    ]);
  });

  test('keeps to the policy of the service', async () => {
    expect((await operator.get('/console/users/other/link')).text).not.toContain('>reports<');
    const path = '/console/users/team-1/link';
    const shown = await operator.get(path);
    for (const [changes, status] of [
      [{ scope: YOUTUBE_MONEY }, 403],
      [{ client: 'second' }, 403],
      [{ scope: 'everything' }, 400],
      [{ service: 'x' }, 400],
      [{ account: 'a b' }, 400],
    ] as const) {
      const response = await operator.submit(shown, path, form(changes));
      expect({ changes, status: response.status }).toEqual({ changes, status });
    }
    expect(await bed.sql('SELECT 1 FROM connect_tickets')).toEqual([]);
  });

  test('asks again for what a dead grant had', async () => {
    await bed.api.connect({ user_id: 'team-1', scope: YOUTUBE }, { account: ALICE.email });
    const [grant] = await bed.sql('SELECT id FROM grants');
    const { text } = await operator.get(`/console/users/team-1/link?grant=${String(grant?.['id'])}`);
    expect(text).toContain(`>${YOUTUBE}</textarea>`);
    expect(text).toContain(`value="${ALICE.email}"`);
    const other = await operator.get(`/console/users/team-2/link?grant=${String(grant?.['id'])}`);
    expect(other.text).not.toContain(`value="${ALICE.email}"`);
  });
});
