/** The pages about users: search, grants with timeline and slots, disconnecting and offboarding with the effects shown first. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { exhaustive } from '../support/exhaustive.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { ConsoleBrowser } from './console-browser.js';

const ACTOR = `console:${ALICE.email}`;
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
beforeEach(async () => {
  bed.google.control.reset();
  await bed.app.get(AuditLog).flush();
  await bed.reset();
});
afterAll(() => bed.stop());

const connect = (user_id: string, account: { email: string } = ALICE, client = 'default') =>
  bed.api.connect({ user_id, scope: YOUTUBE, client, another_account: true }, { account: account.email });

async function grantOf(userId: string): Promise<string> {
  const [row] = await bed.sql('SELECT id FROM grants WHERE user_id = $1', [userId]);
  return String(row?.['id']);
}

async function users(query: string): Promise<string[]> {
  const { status, text } = await operator.get(`/console/users${query}`);
  expect(status).toBe(200);
  return [...text.matchAll(/dir="auto"><a href="\/console\/users\/[^"/]*">([^<]*)<\/a>/g)].map(
    ([, name = '']) => name,
  );
}

async function audited(action: string) {
  await bed.app.get(AuditLog).flush();
  return bed.sql('SELECT actor, outcome, user_id FROM audit_trail WHERE action = $1 ORDER BY sequence', [
    action,
  ]);
}

test('a user id with a blank at its end is another user, on every page that a link leads to', async () => {
  await connect('alice');
  await connect('alice ');
  await bed.app.get(AuditLog).flush();
  const page = await operator.get(`/console/users/${encodeURIComponent('alice ')}`);
  const links = [...page.text.matchAll(/href="(\/console\/(?:audit|credentials)[^"]*)"/g)].map(
    ([, path = '']) => path.replaceAll('&amp;', '&'),
  );
  expect(links.filter((path) => path.includes('user='))).toHaveLength(2);
  const events = await operator.get('/console/audit.csv?user=alice+');
  expect(events.status).toBe(200);
  expect(events.text).toContain('alice ,');
  expect(events.text).not.toContain('alice,');
  for (const path of links.filter((each) => each.includes('user=')))
    expect((await operator.get(path)).text).toContain('value="alice "');
  const { location } = await operator.get('/console/tickets/new?user=alice+');
  expect(location?.pathname).toBe('/console/users/alice%20/link');
});

describe('the search of users', () => {
  exhaustive.test('finds by the beginning of the id, the email address and the sub', async () => {
    await connect('team-1');
    await connect('team-2', BOB);
    await connect('other', BOB);
    expect(await users('')).toEqual(['other', 'team-1', 'team-2']);
    expect(await users('?text=team-')).toEqual(['team-1', 'team-2']);
    expect(await users(`?text=${BOB.email.toUpperCase()}`)).toEqual(['other', 'team-2']);
    expect(await users(`?text=${ALICE.sub}`)).toEqual(['team-1']);
    expect(await users(`?text=${BOB.email}&by=id`)).toEqual([]);
  });

  test('finds a user whose id looks like an email address', async () => {
    await connect('carol@example.com');
    expect(await users('?text=carol@')).toEqual(['carol@example.com']);
  });

  test('says so where nothing is found', async () => {
    expect((await operator.get('/console/users')).text).toContain('No user has connected an account yet.');
    const none = await operator.get('/console/users?text=x');
    expect(none.text).toContain('No user with a grant is found by this.');
    expect(none.text).toContain('<a href="/console/users/x">Open the page of x</a>');
  });

  test('goes on with the next page', async () => {
    await bed.sql(
      `INSERT INTO grants (id, user_id, client, account_sub, requested_scopes, granted_scopes, status,
         sealed_refresh_token, refresh_token_issued_at, created_at, consented_at)
       SELECT gen_random_uuid(), 'many-' || lpad(n::text, 3, '0'), 'default', 'sub-' || n, ARRAY[$1], ARRAY[$1], 'active', 'x',
         now(), now(), now() FROM generate_series(1, 60) AS n`,
      [YOUTUBE],
    );
    const first = await operator.get('/console/users?text=many-');
    const next = /href="([^"]*)" rel="next"/.exec(first.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const second = await operator.get(next);
    expect(second.text).toContain('many-051');
    expect(second.text).toContain('many-060');
    expect(second.text).not.toContain('many-050');
    expect(second.text).not.toContain('rel="next"');
    expect((await operator.get(next.replace('many-', 'other'))).status).toBe(400);
  });
});

describe('the page of a user', () => {
  test('shows account, scopes, slots with the next one evicted, and the timeline', async () => {
    await bed.api.connect(
      { user_id: 'alice', scope: `${YOUTUBE} ${YOUTUBE_MONEY}` },
      { account: ALICE.email, untick: [YOUTUBE_MONEY] },
    );
    bed.clock.advance(3700);
    expect((await bed.api.token('alice')).status).toBe(200);
    const { text } = await operator.get('/console/users/alice');
    expect(text).toContain(`<h2>${ALICE.email} with default</h2>`);
    expect(text).toContain(`<code>${YOUTUBE}</code>`);
    expect(text).toContain('<dt>Not allowed</dt>');
    expect(text).toContain(`aria-label="Slots of ${ALICE.email} with default: 1 of 100"`);
    expect(text).toContain('<strong>the token of this grant</strong>');
    expect(text).toContain('<strong>Consent</strong> <span class="badge warn">partial</span>');
    expect(text).toContain('<strong>Refreshed</strong>');
  });

  exhaustive.test('names the grant of another user that is evicted first', async () => {
    await connect('first');
    await connect('second');
    const { text } = await operator.get('/console/users/second');
    expect(text).toContain(`href="/console/grants/${await grantOf('first')}">another grant</a>`);
    expect(text).toContain('<a href="/console/users/first">first</a>');
  });

  test('says why a grant is dead, and who must act', async () => {
    await connect('alice');
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(3700);
    expect((await bed.api.token('alice')).status).toBe(410);
    const { text } = await operator.get('/console/users/alice');
    expect(text).toContain('<span class="badge bad">reconnect required</span>');
    expect(text).toContain('<dt>Dead because</dt><dd>user revoked <span class="badge plain">inferred</span>');
    expect(text).toContain('Who must act: user');
  });

  test.each(['constructor', 'toString', '__proto__', 'something'])(
    'has no notice where the address says that %s was done',
    async (done) => {
      const { status, text } = await operator.get(`/console/users/alice?done=${done}`);
      expect(status).toBe(200);
      expect(text).not.toContain('class="notice');
      expect((await operator.get('/console/users/alice?done=deleted')).text).toContain('class="notice');
    },
  );

  test('is there for a user without grants', async () => {
    const { status, text } = await operator.get('/console/users/unknown');
    expect(status).toBe(200);
    expect(text).toContain('The broker holds no grant of this user.');
  });

  test('has no form for a viewer, on no page', async () => {
    await connect('alice');
    const id = await grantOf('alice');
    const paths = ['users/alice', 'users/alice/offboard', 'users/alice/link', `grants/${id}/disconnect`];
    for (const path of paths) {
      const { status, text } = await viewer.get(`/console/${path}`);
      expect(status).toBe(200);
      const actions = [...text.matchAll(/<form method="post" action="([^"]*)"/g)].map(([, action]) => action);
      expect(actions).toEqual(['/console/sign-out']);
    }
  });
});

describe('the list of grants', () => {
  test('finds them by client and status, and says who must act', async () => {
    await connect('alice');
    await connect('bob', BOB, 'second');
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    bed.clock.advance(3700);
    expect((await bed.api.token('alice')).status).toBe(410);
    const listed = async (query: string) => {
      const { status, text } = await viewer.get(`/console/grants${query}`);
      expect(status).toBe(200);
      return [...text.matchAll(/<a href="\/console\/users\/([^"]*)">/g)].map(([, user]) => user);
    };
    expect(await listed('')).toEqual(['bob', 'alice']);
    expect(await listed('?status=reconnect_required')).toEqual(['alice']);
    expect(await listed('?client=default&status=active')).toEqual([]);
    expect(await listed('?client=second&status=active')).toEqual(['bob']);
    expect((await viewer.get('/console/grants?status=reconnect_required')).text).toContain(
      'user<div class="soft small">user revoked</div>',
    );
    expect((await viewer.get('/console/grants?status=odd')).status).toBe(400);
  });
});

describe('disconnecting a grant', () => {
  test('shows first which grants of others Google ends with it, and then ends them', async () => {
    await connect('alice');
    await connect('too', ALICE, 'second');
    const path = `/console/grants/${await grantOf('alice')}/disconnect`;
    const plan = await operator.get(path);
    expect(plan.text).toContain('Google ends 1 other grant with this');
    expect(plan.text).toContain('<a href="/console/users/too">too</a>');
    expect(bed.google.control.count('revoke')).toBe(0);
    const { location } = await operator.submit(plan, path);
    expect(location?.href).toBe(`${bed.url}/console/users/alice?done=revoked`);
    expect((await operator.get(location ?? '')).text).toContain('The grant was revoked at Google');
    expect(bed.google.control.count('revoke')).toBe(1);
    expect((await bed.api.token('too', { client: 'second' })).status).toBe(410);
    expect(await audited('grant.disconnect')).toContainEqual({
      actor: ACTOR,
      outcome: 'ok',
      user_id: 'alice',
    });
  });

  exhaustive.test('ends it here only where that was chosen', async () => {
    await connect('alice');
    const path = `/console/grants/${await grantOf('alice')}/disconnect`;
    const plan = await operator.get(`${path}?mode=local`);
    expect(plan.text).toContain('At Google the access stays valid');
    expect((await operator.submit(plan, path)).location?.search).toBe('?done=deleted');
    expect(bed.google.control.count('revoke')).toBe(0);
    expect(await audited('grant.disconnect')).toEqual([{ actor: ACTOR, outcome: 'ok', user_id: 'alice' }]);
  });

  test('leaves the timeline of the grant', async () => {
    await connect('alice');
    const id = await grantOf('alice');
    const path = `/console/grants/${id}/disconnect`;
    await operator.submit(await operator.get(path), path);
    const { status, text } = await operator.get(`/console/grants/${id}`);
    expect(status).toBe(200);
    expect(text).toContain('A grant that was disconnected');
    expect(text).toContain('<strong>Disconnect</strong>');
    expect(text).toContain(`by ${ACTOR}`);
  });

  test('is refused to a viewer who sends the form all the same, and the trail says who tried what', async () => {
    await connect('alice');
    const path = `/console/grants/${await grantOf('alice')}/disconnect`;
    const { text } = await viewer.get('/console/users');
    const token = /name="form_token" value="([^"]*)"/.exec(text)?.[1] ?? '';
    const refused = await viewer.submit(await operator.get(path), path, { form_token: token });
    expect(refused.status).toBe(403);
    expect(refused.text).toContain('Your role may not do this');
    expect((await bed.api.token('alice')).status).toBe(200);
    await bed.app.get(AuditLog).flush();
    expect(
      await bed.sql("SELECT actor, outcome, details FROM audit_trail WHERE action = 'grant.disconnect'"),
    ).toEqual([
      { actor: `console:${BOB.email}`, outcome: 'not_allowed', details: { path, reason: 'viewer' } },
    ]);
  });

  test('is a page about nothing where there is no such grant', async () => {
    for (const end of ['', '/disconnect']) {
      const unknown = '0b6a1c9e-7f43-4b0e-9d54-8f7f3f0f5a11';
      const { status, text } = await operator.get(`/console/grants/${unknown}${end}`);
      expect(status).toBe(404);
      expect(text).toContain('There is nothing here');
    }
    expect((await operator.get('/console/grants/x')).status).toBe(400);
  });
});

describe('offboarding in the console', () => {
  test('shows first what ends, and then ends all grants, credentials and connects', async () => {
    await connect('alice');
    await connect('alice', BOB, 'elsewhere');
    expect((await bed.api.post('/services/self/credentials', { user_id: 'alice' })).status).toBe(201);
    await bed.api.ticket({ user_id: 'alice', scope: YOUTUBE });
    const path = '/console/users/alice/offboard';
    const plan = await operator.get(path);
    expect(plan.text).toContain('1 connect under way is cancelled, too.');
    expect(plan.text).toContain('1 delegated credential of this user is revoked, too.');
    expect(plan.text.match(/Revoked at Google, and deleted here/g)).toHaveLength(2);
    const { location } = await operator.submit(plan, path);
    const after = await operator.get(location ?? '');
    expect(after.text).toContain('The broker holds nothing for this user any more.');
    expect(await bed.sql('SELECT 1 FROM grants')).toEqual([]);
    for (const action of ['user.offboard', 'credential.revoke', 'connect.cancel'])
      expect(await audited(action)).toEqual([{ actor: ACTOR, outcome: 'ok', user_id: 'alice' }]);
    expect((await operator.get(path)).text).not.toContain(`action="${path}"`);
    await bed.sql('DELETE FROM delegated_credentials');
  });

  test('needs the choice of where it ends', async () => {
    await connect('alice');
    const path = '/console/users/alice/offboard';
    const plan = await operator.get(path);
    expect((await operator.submit(plan, path, { mode: 'everywhere' })).status).toBe(400);
    expect((await operator.submit(plan, path, { mode: '' })).status).toBe(400);
    expect((await bed.api.token('alice')).status).toBe(200);
  });
});
