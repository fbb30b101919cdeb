/** Which Google Ads accounts a user reaches: read from Google, cached with an age, and the access path to one of them. */
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type AdsHierarchy, guideHierarchy, guideIds, noAds } from '../../sandbox/google/ads/hierarchy.js';
import { WorkInFlight } from '../../src/outbound/shared-work.js';
import { ServiceRegistry } from '../../src/services/service-registry.js';
import type { Api } from '../support/api.js';
import { ADS, ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { AuditLog } from '../../src/token-store/audit/audit-log.repository.js';
import { exhaustive, fewOf } from '../support/exhaustive.js';

const { M1, M2, M3, A1, A2, A3, A4 } = guideIds;
const DAY = 86_400;
const SETTING: unknown = expect.stringContaining('GOOGLE_ADS_API_VERSION');

let bed: TestBed;
/** Tests that do not end the grant share it. */
let isConnected = false;

beforeAll(async () => {
  bed = await startTestBed();
});
beforeEach(async () => {
  const { control } = bed.google;
  control.clearFaults();
  control.latency('ads', 0);
  control.setAdsPageSize(10_000);
  control.hideAdsRoles(false);
  control.setAdsHierarchy(noAds());
  await bed.sql('DELETE FROM ads_trees');
  if (!isConnected) await bed.api.connect({ user_id: 'alice', scope: ADS }, { account: ALICE.email });
  isConnected = true;
  control.clearRequests();
  // Failures of one test are not cached in the next.
  bed.clock.advance(10);
});
afterAll(() => bed.stop());

const play = (user: 'U1' | 'SA1' | 'U2' | 'U3') => {
  bed.google.control.setAdsHierarchy(guideHierarchy({ [user]: ALICE.email }));
};
const ask = (query: Record<string, string> = {}, api = bed.api) =>
  api.get('/users/alice/ads/customers', query);
const adsRequests = () => bed.google.control.count('ads');

interface AccessPath {
  login_customer_id: string;
  role: string | null;
  distance: number;
  header_needed: boolean;
}
interface Chosen extends AccessPath {
  alternatives: AccessPath[];
  synced_at: string;
}
interface Customer {
  id: string;
  name: string | null;
  managers: string[];
  access: AccessPath[];
}
const customersOf = ({ body }: { body: Record<string, unknown> }) => body['customers'] as Customer[];

/** By root: which accounts can be called through it, and as what. */
function byRoot(customers: readonly Customer[]) {
  const roots: Record<string, Record<string, string | null>> = {};
  for (const { id, access } of customers) {
    for (const { login_customer_id, role } of access) (roots[login_customer_id] ??= {})[id] = role;
  }
  return roots;
}

const callAds = (token: string, customer: string, root: string | null, what = 'campaign.id FROM campaign') =>
  fetch(`${bed.google.url}/v26/customers/${customer}/googleAds:search`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      ...(root === null ? {} : { 'login-customer-id': root }),
    },
    body: JSON.stringify({ query: `SELECT ${what}` }),
  });

exhaustive.test(
  'callers that share a synchronization are each refused with a link of their own',
  async () => {
    await bed.api.connect({ user_id: 'carol', scope: ADS }, { account: ALICE.email });
    play('U2');
    const { control } = bed.google;
    control.latency('ads', 400);
    control.failNext('ads', { status: 401, body: { error: { code: 401, status: 'UNAUTHENTICATED' } } });
    control.failNext('token', { status: 400, body: { error: 'invalid_grant' } });
    const services = [await bed.service(), await bed.service()];
    const refusals = await Promise.all(services.map((api) => api.get('/users/carol/ads/customers')));
    expect(refusals.map(({ status }) => status)).toEqual([410, 410]);
    const links = refusals.map(({ body }) => body['connect_url']);
    expect(new Set(links).size).toBe(2);
    expect(control.count('token', 'refresh_token')).toBe(1);
  },
);

exhaustive.test(
  'a service that is revoked during a synchronization does not fail it for others',
  async () => {
    await bed.api.connect({ user_id: 'dave', scope: ADS }, { account: BOB.email });
    bed.google.control.setAdsHierarchy(guideHierarchy({ U2: BOB.email }));
    const { control } = bed.google;
    control.latency('ads', 600);
    control.failNext('ads', { status: 401, body: { error: { code: 401, status: 'UNAUTHENTICATED' } } });
    const [first, second] = [await bed.service(), await bed.service()];
    const before = control.count('ads');
    const beginning = first.get('/users/dave/ads/customers');
    await until(() => control.count('ads') > before);
    const joins = jest.spyOn(WorkInFlight.prototype, 'has');
    const joining = second.get('/users/dave/ads/customers');
    await until(() => joins.mock.results.some(({ value }) => value === true));
    joins.mockRestore();
    await bed.app.get(ServiceRegistry).revoke(first.key.split('_')[1] ?? '');
    expect((await beginning).status).toBe(401);
    expect((await joining).status).toBe(200);
  },
);

test.each(
  fewOf([
    '{}',
    '[]',
    'null',
    '{"accounts":[],"links":[{"manager":"1","client":"1"}],"direct":[],"gaps":[]}',
    '{"accounts":[{"id":"1\\r\\nx: y"}],"links":[],"direct":[],"gaps":[]}',
    '{"accounts":[],"links":[],"direct":[{"customer":"1","role":"OWNER"}],"gaps":[]}',
    '{"accounts":[],"links":[],"direct":[],"gaps":[{"customer":"1","why":"closed","cause":"Call 0800"}]}',
  ]),
)('an invalid stored tree, %s, is read from Google again', async (tree) => {
  play('U2');
  const before = (await ask()).body['customers'];
  await bed.sql(`UPDATE ads_trees SET tree = $1, synced_at = synced_at + interval '1 ms'`, [tree]);
  expect((await ask()).body['customers']).toEqual(before);
  expect((await bed.api.token('alice', { customer_id: A1 })).status).toBe(200);
});

describe("the guide's tables, over HTTP,", () => {
  const onAll = (ids: readonly string[], role: string) => Object.fromEntries(ids.map((id) => [id, role]));

  test.each([
    ['U1', { [M1]: onAll([M1, M2, A1, A2, A3], 'STANDARD') }],
    ['SA1', { [M1]: onAll([M1, M2, A1, A2, A3], 'STANDARD') }],
    ['U2', { [M2]: onAll([M2, A1, A2, A3], 'STANDARD'), [M3]: onAll([M3, A1, A4], 'READ_ONLY') }],
    ['U3', { [A4]: { [A4]: 'STANDARD' } }],
  ] as const)('hold for %s', async (user, expected) => {
    play(user);
    expect(byRoot(customersOf(await ask()))).toEqual(expected);
  });

  test('each access path that is listed opens its account at Google, and no other does', async () => {
    play('U2');
    const { access_token: token } = (await bed.api.token('alice', { scope: ADS })).body;
    const roots = byRoot(customersOf(await ask()));
    for (const root of [null, ...Object.values(guideIds)]) {
      for (const customer of Object.values(guideIds)) {
        const response = await callAds(String(token), customer, root, 'customer.id FROM customer');
        const expected = roots[root ?? customer]?.[customer] === undefined ? 403 : 200;
        expect([customer, root, response.status]).toEqual([customer, root, expected]);
      }
    }
    const denied = await (await callAds(String(token), A4, null)).text();
    expect(denied).toContain('USER_PERMISSION_DENIED');
  });

  test('list accounts page by page, in the order of the ids, each once', async () => {
    play('U2');
    const whole = customersOf(await ask()).map(({ id }) => id);
    expect(whole).toEqual(whole.toSorted());
    const ids: string[] = [];
    for (let next: string | null = '', query = {}; next !== null; query = { cursor: next }) {
      const { status, body } = await ask({ ...query, limit: '4' });
      expect(status).toBe(200);
      ids.push(...customersOf({ body }).map(({ id }) => id));
      next = body['next'] as string | null;
    }
    expect(ids).toEqual(whole);
    expect((await ask({ cursor: 'forged' })).status).toBe(400);
  });

  test('have the whole response as documented', async () => {
    play('U2');
    const { status, body } = await ask();
    expect(status).toBe(200);
    expect(body).toMatchObject({
      account: { sub: ALICE.sub, email: ALICE.email },
      client: 'default',
      synced_at: expect.stringMatching(/Z$/),
      age: 0,
      complete: true,
      gaps: [],
    });
    expect(customersOf({ body }).find(({ id }) => id === A1)).toEqual({
      id: A1,
      name: 'A1',
      manager: false,
      status: 'ENABLED',
      managers: [M2, M3],
      access: [
        { login_customer_id: M2, role: 'STANDARD', distance: 1, header_needed: true },
        { login_customer_id: M3, role: 'READ_ONLY', distance: 1, header_needed: true },
      ],
    });
  });
});

describe('the requests to Google', () => {
  test('ask each manager once, each through a root of the user, with the token of the user', async () => {
    play('U1');
    await ask();
    const asked = bed.google.control.requests.filter(({ endpoint }) => endpoint === 'ads');
    const calls = asked.map(({ url, loginCustomerId, parameters }) => [
      url.replace('/v26/', ''),
      loginCustomerId,
      /FROM (\w+)/.exec(String(parameters['query']))?.[1],
    ]);
    expect(calls).toEqual([
      ['customers:listAccessibleCustomers', undefined, undefined],
      [`customers/${M1}/googleAds:search`, M1, 'customer_client'],
      [`customers/${M1}/googleAds:search`, M1, 'customer_user_access'],
      [`customers/${M2}/googleAds:search`, M1, 'customer_client'],
    ]);
    const tokens = new Set(asked.map(({ authorization }) => authorization));
    expect(tokens.size).toBe(1);
  });

  test('read pages to the end', async () => {
    play('U2');
    bed.google.control.setAdsPageSize(1);
    expect(customersOf(await ask())).toHaveLength(6);
  });

  test('keep the links of deep trees and diamonds', async () => {
    const levels = Array.from({ length: 10 }, (_, level) => [`31${level}`, `32${level}`] as const);
    const links = levels.slice(1).flatMap(([left, right], above) => {
      const [first = '', second = ''] = levels[above] ?? [];
      return [
        [first, left],
        [first, right],
        [second, right],
      ] satisfies [string, string][];
    });
    bed.google.control.setAdsHierarchy({
      accounts: levels.flat().map((id) => ({ id, name: id, manager: true })),
      links,
      users: [{ customer: '310', email: ALICE.email, role: 'ADMIN' }],
    });
    const customers = customersOf(await ask());
    expect(customers).toHaveLength(19);
    // The list of roots, one role, and each account once, however many managers it has.
    expect(adsRequests()).toBe(1 + 1 + 19);
    expect(customers.find(({ id }) => id === '329')).toMatchObject({
      managers: ['318', '328'],
      access: [{ login_customer_id: '310', distance: 9 }],
    });
  });

  test('name an advertiser with direct access, and compare addresses without case', async () => {
    bed.google.control.setAdsHierarchy(guideHierarchy({ U3: ALICE.email.toUpperCase() }));
    expect(customersOf(await ask())).toEqual([
      {
        id: A4,
        name: 'A4',
        manager: false,
        status: 'ENABLED',
        managers: [],
        access: [{ login_customer_id: A4, role: 'STANDARD', distance: 0, header_needed: false }],
      },
    ]);
  });

  test('are retried after a transient failure of one', async () => {
    play('U1');
    bed.google.control.failNext('ads', { named: 'backend_error' });
    expect((await ask()).status).toBe(200);
  });

  test('list the others where Google closed an account, which is a gap', async () => {
    const hierarchy = guideHierarchy({ U2: ALICE.email });
    const closed = hierarchy.accounts.map((each) =>
      each.id === M3 ? { ...each, status: 'CANCELED' } : each,
    );
    bed.google.control.setAdsHierarchy({ ...hierarchy, accounts: closed });
    const response = await ask();
    expect(response.body).toMatchObject({ complete: false, gaps: [{ customer_id: M3, why: 'closed' }] });
    expect(byRoot(customersOf(response))[M2]).toEqual({
      [M2]: 'STANDARD',
      [A1]: 'STANDARD',
      [A2]: 'STANDARD',
      [A3]: 'STANDARD',
    });
  });

  test.each([
    [{ authenticationError: 'TWO_STEP_VERIFICATION_NOT_ENROLLED' }, 'blocked', 'user'],
    [{ authenticationError: 'ADVANCED_PROTECTION_NOT_ENROLLED' }, 'blocked', 'user'],
    [{ authorizationError: 'MISSING_TOS' }, 'blocked', 'operator'],
    [{ authorizationError: 'INCOMPLETE_SIGNUP' }, 'blocked', 'account_admin'],
    [{ authorizationError: 'ACTION_NOT_PERMITTED_FOR_SUSPENDED_ACCOUNT' }, 'blocked', 'account_admin'],
    [{ authorizationError: 'AUTHORIZATION_ERROR' }, 'refused', 'account_admin'],
    // A production account of a user whose test accounts the project may call.
    [{ authorizationError: 'CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION' }, 'blocked', 'operator'],
  ] as const)(
    'list the others where an account answers %j, which is a gap with cause and remedy',
    async (refuses, why, who_must_act) => {
      const { accounts, ...rest } = guideHierarchy({ U2: ALICE.email });
      const [cause = ''] = Object.values(refuses);
      const refusing = accounts.map((each) => (each.id === M3 ? { ...each, refuses } : each));
      bed.google.control.setAdsHierarchy({ ...rest, accounts: refusing });
      const response = await ask();
      expect(response.status).toBe(200);
      expect(response.body).toMatchObject({ complete: false });
      const [gap, ...others] = response.body['gaps'] as Record<string, unknown>[];
      expect(gap).toEqual({
        customer_id: M3,
        why,
        cause,
        who_must_act,
        remedy: expect.stringMatching(/\. .+\.$/),
      });
      expect(others).toEqual([]);
      expect(gap?.['remedy']).not.toMatch(/try again/i);
      expect(Object.keys(byRoot(customersOf(response))[M2] ?? {})).toEqual([M2, A1, A2, A3]);
      expect(bed.google.control.count('token', 'refresh_token')).toBe(0);
      // One request each, and none again.
      const toM3 = bed.google.control.requests.filter(({ url }) => url.includes(`customers/${M3}/`));
      expect(toM3).toHaveLength(1);
      // What is below it can only be reached through it: the refusal says what must happen there.
      const { status, body } = await bed.api.token('alice', { customer_id: A4 });
      expect([status, body['reason']]).toEqual([403, 'no_access_path']);
      if (why === 'blocked') expect(body['detail']).toContain(cause);
    },
  );

  test('are refused without a retry where Google lists no accounts for a reason of theirs', async () => {
    play('U1');
    const refusal = (code: string) => ({
      status: 403,
      body: { error: { code: 403, details: [{ errors: [{ errorCode: { authorizationError: code } }] }] } },
    });
    bed.google.control.failNext('ads', refusal('INCOMPLETE_SIGNUP'));
    const ofAccount = await ask();
    expect(ofAccount.status).toBe(403);
    expect(ofAccount.body).toMatchObject({
      code: 'no_ads_access',
      reason: 'account_refused',
      cause: 'INCOMPLETE_SIGNUP',
      who_must_act: 'account_admin',
      detail: expect.stringContaining('https://ads.google.com'),
    });
    expect(adsRequests()).toBe(1);
    bed.clock.advance(10);
    bed.google.control.failNext('ads', refusal('MISSING_TOS'));
    expect((await ask()).body).toMatchObject({ code: 'client_misconfigured', who_must_act: 'operator' });
  });

  test.each([
    { authenticationError: 'TWO_STEP_VERIFICATION_NOT_ENROLLED' },
    { authorizationError: 'USER_PERMISSION_DENIED' },
  ] as const)('below a manager that answers %j are reached through a root above it', async (refuses) => {
    const { accounts, users, ...rest } = guideHierarchy({ U1: ALICE.email, U2: ALICE.email });
    const refusing = accounts.map((each) => (each.id === M2 ? { ...each, refuses } : each));
    const usersOfBoth = users.filter(({ customer }) => customer !== M3);
    bed.google.control.setAdsHierarchy({ ...rest, accounts: refusing, users: usersOfBoth });
    const response = await ask();
    expect(response.body).toMatchObject({ complete: false });
    expect((response.body['gaps'] as { customer_id: string }[]).map((gap) => gap.customer_id)).toEqual([M2]);
    expect(Object.keys(byRoot(customersOf(response))[M1] ?? {})).toEqual([M1, M2, A1, A2, A3]);
    const { status, body } = await bed.api.token('alice', { customer_id: A2 });
    expect(status).toBe(200);
    expect(body['ads']).toMatchObject({
      login_customer_id: M1,
      role: 'STANDARD',
      distance: 2,
      alternatives: [],
    });
    expect((await callAds(String(body['access_token']), A2, M1)).status).toBe(200);
    // Google lists it below M1, and not who manages it.
    expect(customersOf(response).find(({ id }) => id === A2)).toMatchObject({ name: 'A2', managers: [] });
    // Stored, and read again.
    expect((await ask()).body['customers']).toEqual(response.body['customers']);
  });

  test.each(['backend_error', 'quota', 'unknown'] as const)(
    'below a manager that refuses are left out where the root above it answers %s',
    async (named) => {
      const unknown = {
        error: { details: [{ errors: [{ errorCode: { requestError: 'SOMETHING_NEW' } }] }] },
      };
      const quota = {
        error: { details: [{ errors: [{ errorCode: { quotaError: 'RESOURCE_EXHAUSTED' } }] }] },
      };
      const failures = {
        backend_error: { status: 503, body: '' },
        quota: { status: 429, body: quota },
        unknown: { status: 400, body: unknown },
      };
      const { accounts, users, ...rest } = guideHierarchy({ U1: ALICE.email, U2: ALICE.email });
      const refuses = { authorizationError: 'USER_PERMISSION_DENIED' };
      const refusing = accounts.map((each) => (each.id === M2 ? { ...each, refuses } : each));
      bed.google.control.setAdsHierarchy({ ...rest, accounts: refusing, users });
      const before = adsRequests();
      const first = (await ask()).body;
      bed.clock.advance(10);
      // The last request asks for everything below the root; it may be sent once more.
      bed.google.control.failNext('ads', { ...failures[named], chance: 0 }, adsRequests() - before - 1);
      bed.google.control.failNext('ads', failures[named], 2);
      const { status, body } = await ask({ max_age: '0' });
      bed.google.control.clearFaults();
      expect([status, body['complete']]).toEqual([200, false]);
      expect(body['synced_at']).not.toBe(first['synced_at']);
      expect(customersOf({ body }).map(({ id }) => id)).toContain(M1);
    },
  );

  test.each(['CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION', 'MISSING_TOS'])(
    'are refused as the matter of the operator where every account answers %s',
    async (authorizationError) => {
      const { accounts, ...rest } = guideHierarchy({ U2: ALICE.email });
      const refuses = { authorizationError };
      bed.google.control.setAdsHierarchy({
        ...rest,
        accounts: accounts.map((each) => ({ ...each, refuses })),
      });
      const response = await ask();
      expect([response.status, response.body]).toEqual([
        502,
        expect.objectContaining({
          code: 'client_misconfigured',
          google_error: authorizationError,
          who_must_act: 'operator',
        }),
      ]);
      expect(await bed.sql('SELECT * FROM ads_trees')).toEqual([]);
    },
  );

  test('find no account for a user without Google Ads', async () => {
    expect((await ask()).body).toMatchObject({ complete: true, customers: [] });
  });

  test('leave roles unknown that Google shows only to administrators', async () => {
    play('U2');
    bed.google.control.hideAdsRoles(true);
    bed.google.control.setAdsRole(M3, ALICE.email, 'ADMIN');
    const paths = customersOf(await ask()).find(({ id }) => id === A1)?.access;
    expect(paths).toMatchObject([
      { login_customer_id: M3, role: 'ADMIN' },
      { login_customer_id: M2, role: null },
    ]);
  });

  test.each(
    fewOf([
      ['ads_quota_exhausted', 503, { code: 'google_unavailable', retry_after: 900 }],
      ['backend_error', 503, { code: 'google_unavailable', retry_after: 30 }],
      ['user_rate_limit_html', 503, { code: 'google_unavailable' }],
      [
        'ads_api_disabled',
        502,
        { code: 'client_misconfigured', cause: 'ads_api_rejected', google_error: 'PERMISSION_DENIED' },
      ],
      ['ads_unsupported_version', 502, { code: 'client_misconfigured', google_error: 'UNSUPPORTED_VERSION' }],
      ['ads_sunset_not_found', 502, { code: 'client_misconfigured', detail: SETTING }],
      ['ads_sunset_unimplemented', 502, { code: 'client_misconfigured', detail: SETTING }],
      [
        'ads_project_not_approved',
        502,
        {
          code: 'client_misconfigured',
          google_error: 'CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION',
          who_must_act: 'operator',
          detail: expect.stringContaining('Explorer or Basic access'),
        },
      ],
      [
        'ads_organization_not_approved',
        502,
        { code: 'client_misconfigured', google_error: 'ORGANIZATION_NOT_APPROVED' },
      ],
    ] as const),
  )('are answered after %s with %d', async (named, status, body) => {
    play('U1');
    bed.google.control.failAlways('ads', { named });
    const response = await ask();
    expect(response.status).toBe(status);
    expect(response.body).toMatchObject(body);
    expect(bed.google.control.count('token', 'refresh_token')).toBe(0);
    expect(await bed.sql('SELECT * FROM ads_trees')).toEqual([]);
  });

  test('refresh once a token that ended before it expired', async () => {
    play('U1');
    bed.google.control.failNext('ads', { named: 'invalid_credentials' });
    bed.google.control.clearRequests();
    expect((await ask()).status).toBe(200);
    expect(bed.google.control.count('token', 'refresh_token')).toBe(1);
  });

  test('mark a grant dead that the user revoked', async () => {
    play('U1');
    isConnected = false;
    bed.google.control.revokeByUser(ALICE.sub, 'project-a');
    const response = await ask();
    expect([response.status, response.body['code']]).toEqual([410, 'reconnect_required']);
  });

  test('refuse a circular hierarchy', async () => {
    const hierarchy = guideHierarchy({ U1: ALICE.email });
    const cycle: AdsHierarchy = { ...hierarchy, links: [...hierarchy.links, [M2, M1]] };
    bed.google.control.setAdsHierarchy(cycle);
    const { status, body } = await ask();
    expect(status).toBe(503);
    expect(body['detail']).toContain('cycle');
    expect(await bed.sql('SELECT * FROM ads_trees')).toEqual([]);
  });
});

describe('the age of the response', () => {
  beforeEach(async () => {
    play('U2');
    await ask();
    bed.google.control.clearRequests();
  });

  test('is part of it, and a young tree causes no request to Google', async () => {
    bed.clock.advance(100);
    const { body } = await ask({ max_age: '200' });
    expect(body['age']).toBeGreaterThanOrEqual(100);
    expect(body['age']).toBeLessThan(160);
    expect(adsRequests()).toBe(0);
  });

  test.each([
    [10, '0'],
    [100, '60'],
    [DAY + 1, undefined],
  ])('of %d s makes a call with max_age=%s ask Google', async (seconds, max_age) => {
    bed.google.control.setAdsRole(M3, ALICE.email, 'ADMIN');
    bed.clock.advance(seconds);
    const response = await ask(max_age === undefined ? {} : { max_age });
    expect(response.body['age']).toBeLessThan(60);
    expect(byRoot(customersOf(response))[M3]?.[A4]).toBe('ADMIN');
  });

  test('is set by one synchronization that concurrent callers share', async () => {
    bed.google.control.latency('ads', 50);
    bed.clock.advance(10);
    const once = () => ask({ max_age: '0' });
    const responses = await Promise.all([once(), once(), once(), once()]);
    expect(new Set(responses.map(({ body }) => body['synced_at'])).size).toBe(1);
    const lists = bed.google.control.requests.filter(({ url }) => url.includes('listAccessible'));
    expect(lists).toHaveLength(1);
  });

  exhaustive.test(
    'lets no caller cause more than one synchronization per ADS_MIN_AGE, even when it fails',
    async () => {
      const lists = () => bed.google.control.requests.filter(({ url }) => url.includes('listAccessible'));
      for (let call = 0; call < 20; call++) expect((await ask({ max_age: '0' })).status).toBe(200);
      expect(lists()).toHaveLength(0);
      bed.clock.advance(10);
      for (let call = 0; call < 20; call++) expect((await ask({ max_age: '0' })).status).toBe(200);
      expect(lists()).toHaveLength(1);
      bed.clock.advance(10);
      bed.google.control.failAlways('ads', { status: 400, body: 'odd' });
      const failed = [];
      for (let call = 0; call < 20; call++) failed.push((await ask({ max_age: '0' })).status);
      expect(new Set(failed)).toEqual(new Set([503]));
      // One synchronization retries a failed request once.
      expect(lists()).toHaveLength(3);
      bed.google.control.clearFaults();
      bed.clock.advance(10);
      expect((await ask({ max_age: '0' })).status).toBe(200);
    },
  );

  exhaustive.test(
    'is renewed in turns, and a quiet service does not wait behind the many calls of another',
    async () => {
      const users = Array.from({ length: 30 }, (_, index) => `crowd-${index}`);
      for (const user_id of [...users, 'quiet']) {
        await bed.api.connect({ user_id, scope: ADS }, { account: ALICE.email });
      }
      bed.google.control.clearRequests();
      bed.google.control.latency('ads', 100);
      const other = await bed.service();
      const done: string[] = [];
      const call = async (api: Api, user: string) => {
        const { status } = await api.get(`/users/${user}/ads/customers`);
        expect(status).toBe(200);
        done.push(user);
      };
      const crowd = users.map((user) => call(bed.api, user));
      // All turns that one service may have.
      await until(() => bed.google.control.count('ads') >= 9);
      const quiet = call(other, 'quiet');
      await Promise.all([...crowd, quiet]);
      expect(done.indexOf('quiet')).toBeLessThan(21);
    },
    60_000,
  );

  test('is stated during an outage of Google, when the stale tree is served, but not to a caller with max_age', async () => {
    bed.google.control.failAlways('ads', { drop: true });
    bed.clock.advance(DAY + 1);
    const old = await ask();
    expect(old.status).toBe(200);
    expect(old.body['age']).toBeGreaterThan(DAY);
    expect((await ask({ max_age: String(DAY) })).status).toBe(503);
  });

  test('belongs to a tree that reports accounts without an access path', async () => {
    await bed.sql(`UPDATE ads_trees SET synced_at = synced_at + interval '1 ms', tree = jsonb_set(
      jsonb_set(tree, '{links}', '[{"manager": "77", "client": "${A1}"}]'), '{direct}', '[]')`);
    const { body } = await ask();
    expect(body['complete']).toBe(false);
    expect(body['gaps']).toContainEqual(expect.objectContaining({ customer_id: '77', why: 'unknown' }));
    expect(body['gaps']).toContainEqual(expect.objectContaining({ customer_id: A1, why: 'unreached' }));
  });

  test('ends when the tree is deleted with the grant', async () => {
    isConnected = false;
    expect(await bed.sql('SELECT * FROM ads_trees')).toHaveLength(1);
    const [grant] = (await bed.api.get('/users/alice/grants')).body['grants'] as { id: string }[];
    await bed.api.delete(`/grants/${String(grant?.id)}`, { mode: 'local' });
    expect(await bed.sql('SELECT * FROM ads_trees')).toEqual([]);
    expect((await ask()).status).toBe(404);
  });
});

describe('authorization of callers', () => {
  test.each([
    [{ users: ['bob'] }, 'not_allowed'],
    [{ clients: ['second'] }, 'not_allowed'],
    [{ scopes: [YOUTUBE] }, 'not_allowed'],
  ])('refuses a service with %j, even where the tree is cached', async (policy, code) => {
    play('U1');
    await ask();
    const { status, body } = await ask({}, await bed.service(policy));
    expect([status, body['code']]).toEqual([403, code]);
  });

  test('refuses a grant that lost the scope, even where the tree is cached', async () => {
    isConnected = false;
    await ask();
    bed.clock.advance(3600);
    const less = { access_token: 'ya29.less', expires_in: 3599, token_type: 'Bearer', scope: 'openid' };
    bed.google.control.failNext('token', { status: 200, body: less }, 2);
    await bed.api.token('alice');
    bed.google.control.clearFaults();
    expect((await ask()).body).toMatchObject({ code: 'insufficient_scope', missing_scopes: [ADS] });
  });

  test('refuses a grant without the scope, with a link', async () => {
    await bed.api.connect({ user_id: 'bob', scope: YOUTUBE }, { account: BOB.email });
    const { status, body } = await bed.api.get('/users/bob/ads/customers');
    expect(status).toBe(403);
    expect(body).toMatchObject({ code: 'insufficient_scope', missing_scopes: [ADS] });
    expect(body['connect_url']).toContain('/connect?ticket=');
  });

  test.each(['-1', 'soon', '1.5'])('refuses max_age=%s', async (max_age) => {
    expect((await ask({ max_age })).body).toMatchObject({
      code: 'invalid_request',
      errors: { max_age: /./ },
    });
  });

  test('leaves an audit event of each call', async () => {
    play('U2');
    await ask();
    const auditor = await bed.service({ audit: true });
    const events = async () =>
      (await auditor.get('/audit', { user: 'alice', limit: '1' })).body['events'] as Record<
        string,
        unknown
      >[];
    await bed.app.get(AuditLog).flush();
    const [event] = await events();
    expect(event).toMatchObject({ action: 'ads.read', outcome: 'ok', details: { customers: 6 } });
  });
});

describe('GET /tokens/:userId?customer_id=', () => {
  const token = (query: Record<string, string>) => bed.api.token('alice', query);
  const chosen = async (query: Record<string, string>) => (await token(query)).body['ads'] as Chosen;
  beforeEach(() => {
    play('U2');
  });

  test('gives the header that the call needs, with which Google answers and without which it refuses', async () => {
    const { body } = await token({ customer_id: A4 });
    expect(body).toMatchObject({ headers: { 'login-customer-id': M3 }, ads: { role: 'READ_ONLY' } });
    const call = (headers: object) =>
      fetch(`${bed.google.url}/v26/customers/${A4}/googleAds:search`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${body['access_token'] as string}`,
          'content-type': 'application/json',
          ...headers,
        },
        body: JSON.stringify({ query: 'SELECT campaign.id, campaign.name, metrics.clicks FROM campaign' }),
      });
    expect((await call(body['headers'] as object)).status).toBe(200);
    const refused = await call({});
    expect(refused.status).toBe(403);
    expect(await refused.text()).toContain('USER_PERMISSION_DENIED');
  });

  test('prefers the most powerful role, then the shortest path, and gives no header where access is direct', async () => {
    const whole = await token({ customer_id: A1 });
    expect(whole.body).toMatchObject({
      headers: { 'login-customer-id': M2 },
      ads: {
        login_customer_id: M2,
        role: 'STANDARD',
        distance: 1,
        header_needed: true,
        alternatives: [{ login_customer_id: M3, role: 'READ_ONLY', distance: 1, header_needed: true }],
        synced_at: expect.any(String),
      },
    });
    const asked = adsRequests();
    expect(asked).toBeGreaterThan(0);
    expect((await token({ customer_id: M3 })).body).toMatchObject({
      headers: {},
      ads: { header_needed: false },
    });
    const dashed = A1.replace(/^(\d{3})(\d{3})(\d{4})$/, '$1-$2-$3');
    expect((await chosen({ customer_id: dashed })).login_customer_id).toBe(M2);
    expect(adsRequests()).toBe(asked);
    // Without customer_id there is no header.
    expect((await token({})).body).not.toHaveProperty('headers');
  });

  test('refuses with the reason where min_role is not met', async () => {
    const refused = await token({ customer_id: A4, min_role: 'STANDARD' });
    expect(refused.status).toBe(403);
    expect(refused.text).not.toContain('ya29.');
    expect(refused.body).toMatchObject({
      code: 'no_ads_access',
      reason: 'role_too_low',
      best_role: 'READ_ONLY',
      min_role: 'STANDARD',
    });
    expect((await token({ customer_id: A1, min_role: 'STANDARD' })).status).toBe(200);
    expect((await token({ customer_id: M1 })).body).toMatchObject({
      reason: 'no_access_path',
      best_role: null,
    });
    bed.google.control.hideAdsRoles(true);
    bed.clock.advance(61);
    expect((await token({ customer_id: A1, min_role: 'ADMIN' })).body).toMatchObject({
      reason: 'role_unknown',
    });
  });

  test('acts with no more than max_role, through a weaker path where there is one', async () => {
    expect((await token({ customer_id: A1, max_role: 'READ_ONLY' })).body).toMatchObject({
      headers: { 'login-customer-id': M3 },
      ads: { role: 'READ_ONLY', alternatives: [] },
    });
    const refused = await token({ customer_id: A2, max_role: 'READ_ONLY' });
    expect(refused.status).toBe(403);
    expect(refused.text).not.toContain('ya29.');
    expect(refused.body).toMatchObject({
      code: 'no_ads_access',
      reason: 'role_too_high',
      best_role: 'STANDARD',
      min_role: null,
      max_role: 'READ_ONLY',
    });
    const both = { min_role: 'STANDARD', max_role: 'STANDARD' };
    expect(await chosen({ customer_id: A1, ...both })).toMatchObject({ role: 'STANDARD', alternatives: [] });
    bed.google.control.hideAdsRoles(true);
    bed.clock.advance(61);
    expect((await token({ customer_id: A2, max_role: 'READ_ONLY' })).body).toMatchObject({
      reason: 'role_unknown',
    });
  });

  test('checks a refusal at Google again once the tree is a minute old', async () => {
    expect((await token({ customer_id: M1 })).body).toMatchObject({ reason: 'no_access_path' });
    bed.google.control.setAdsRole(M1, ALICE.email, 'ADMIN');
    expect((await token({ customer_id: M1 })).body).toMatchObject({ reason: 'no_access_path' });
    bed.clock.advance(61);
    expect(await chosen({ customer_id: M1 })).toMatchObject({ role: 'ADMIN', distance: 0 });
  });

  test('refreshes the tree once after USER_PERMISSION_DENIED from Google', async () => {
    const { login_customer_id, synced_at } = await chosen({ customer_id: A1 });
    expect(login_customer_id).toBe(M2);
    bed.google.control.setAdsRole(M2, ALICE.email, null);
    bed.clock.advance(15);
    const again = await chosen({ customer_id: A1, denied_synced_at: synced_at });
    expect(again.login_customer_id).toBe(M3);
    const asked = adsRequests();
    // The same denial, reported late; and a denial of the new tree at once.
    await token({ customer_id: A1, denied_synced_at: synced_at });
    await token({ customer_id: A1, denied_synced_at: again.synced_at });
    expect(adsRequests()).toBe(asked);
  });

  test.each([
    [{ customer_id: '12-34' }, 'customer_id'],
    [{ customer_id: A1, min_role: 'OWNER' }, 'min_role'],
    [{ min_role: 'ADMIN' }, 'min_role'],
    [{ max_role: 'READ_ONLY' }, 'max_role'],
    [{ customer_id: A1, max_role: 'EMAIL_ONLY' }, 'max_role'],
    [{ customer_id: A1, min_role: 'ADMIN', max_role: 'READ_ONLY' }, 'max_role'],
    [{ denied_synced_at: '2026-11-22T00:00:00Z' }, 'denied_synced_at'],
    [{ customer_id: A1, denied_synced_at: 'yesterday' }, 'denied_synced_at'],
    [{ customer_id: A1, denied_synced_at: '9999-01-01T00:00:00Z' }, 'denied_synced_at'],
  ])('refuses %j, naming %s', async (query, field) => {
    const { status, body } = await token(query);
    expect(status).toBe(400);
    expect(body['errors']).toHaveProperty(field);
  });

  test('refuses a grant without the scope of Google Ads, with a link', async () => {
    await bed.api.connect({ user_id: 'carol', scope: YOUTUBE }, { account: BOB.email });
    const { status, body } = await bed.api.token('carol', { customer_id: A1 });
    expect(status).toBe(403);
    expect(body).toMatchObject({ code: 'insufficient_scope', missing_scopes: [ADS] });
    expect(body['connect_url']).toEqual(expect.any(String));
  });
});

test('no token is in the log or beside the tree, whatever fails', async () => {
  play('U2');
  await ask();
  for (const named of ['ads_user_permission_denied', 'ads_api_disabled', 'invalid_credentials'] as const) {
    bed.clock.advance(10);
    bed.google.control.failNext('ads', { named });
    await ask({ max_age: '0' });
  }
  const stored = bed.log() + JSON.stringify(await bed.sql('SELECT * FROM ads_trees'));
  expect(stored).toContain('Google Ads did not list the accounts');
  for (const secret of bed.google.control.secrets()) expect(stored).not.toContain(secret);
});

test('no refusal and no denial makes the broker ask Google again within ADS_MIN_AGE', async () => {
  await bed.restart({ ADS_MIN_AGE: '600' });
  play('U2');
  const lists = () => bed.google.control.requests.filter(({ url }) => url.includes('listAccessible'));
  const { body } = await bed.api.token('alice', { customer_id: A1 });
  const { synced_at: denied_synced_at } = body['ads'] as Chosen;
  expect(lists()).toHaveLength(1);
  const ask = async () => {
    expect((await bed.api.token('alice', { customer_id: M1 })).body['code']).toBe('no_ads_access');
    expect((await bed.api.token('alice', { customer_id: A1, denied_synced_at })).status).toBe(200);
  };
  for (let time = 0; time < 3; time++) {
    bed.clock.advance(61);
    await ask();
  }
  expect(lists()).toHaveLength(1);
  bed.clock.advance(600);
  await ask();
  expect(lists()).toHaveLength(2);
});

test('a tree is not replaced by a smaller one where Google is too slow to list all of it', async () => {
  await bed.restart();
  play('U1');
  const whole = await ask();
  const known = customersOf(whole).map(({ id }) => id);
  expect(whole.body['complete']).toBe(true);
  const { control } = bed.google;
  const slowAsk = async () => {
    bed.clock.advance(61);
    control.latency('ads', 300);
    control.clearRequests();
    const asking = bed.api.token('alice', { customer_id: '9999999999' });
    await until(() => control.count('ads') > 0);
    bed.clock.advance(46);
    return asking;
  };
  // Whether this account is the user's is not known: a refusal would be untrue.
  expect(await slowAsk()).toMatchObject({ status: 503, body: { code: 'google_unavailable' } });
  control.latency('ads', 0);
  expect(customersOf(await ask()).map(({ id }) => id)).toEqual(known);
  expect((await bed.api.token('alice', { customer_id: known.at(-1) ?? '' })).status).toBe(200);
  await bed.sql('DELETE FROM ads_trees');
  // Without another tree, a part of it is better than none, and says that it is one.
  const { status, body } = await slowAsk();
  expect({ status, code: body['code'] }).toEqual({ status: 403, code: 'no_ads_access' });
  expect(body['detail']).toContain(`Not all below ${M1} was listed`);
});

test('a tree with more managers than ADS_MAX_LISTINGS is cut off, nearest accounts first', async () => {
  await bed.restart({ ADS_MAX_LISTINGS: '1' });
  play('U1');
  const response = await ask();
  expect(response.body).toMatchObject({ complete: false, gaps: [{ customer_id: M2, why: 'cut_off' }] });
  expect(customersOf(response).map(({ id }) => id)).toEqual([M1, M2]);
});
