/** The stand-in's Google Ads API: direct access, login-customer-id, and how it refuses. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { guideHierarchy, guideIds } from '../../sandbox/google/ads/hierarchy.js';
import { ada, adwords, ben, startGoogle, type TestGoogle, ytAnalytics } from './test-google.js';

const { M1, M2, M3, A1, A4 } = guideIds;
const CAMPAIGNS = 'SELECT campaign.name, metrics.clicks FROM campaign';

let google: TestGoogle;
let token: string;
beforeAll(async () => {
  google = await startGoogle({ ads: guideHierarchy({ U2: ada.email, U3: ben.email }) });
  token = (await google.connect({ scope: adwords }, { account: ada.email })).access_token;
});
afterAll(() => google.close());

async function call(path: string, root?: string, query?: string, bearer = token, version = 'v26') {
  const response = await fetch(`${google.url}/${version}/${path}`, {
    method: query === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${bearer}`,
      ...(root !== undefined && { 'login-customer-id': root }),
      ...(query !== undefined && { 'content-type': 'application/json' }),
    },
    ...(query !== undefined && { body: JSON.stringify({ query }) }),
  });
  return { status: response.status, body: (await response.json()) as unknown };
}
const search = (customer: string, root?: string, query = CAMPAIGNS, method = 'search') =>
  call(`customers/${customer}/googleAds:${method}`, root, query);

/** The code of a GoogleAdsFailure. */
const codeOf = (body: unknown) => /"errorCode":\{"\w+":"(\w+)"\}/.exec(JSON.stringify(body))?.[1];

test('listAccessibleCustomers lists direct access only, for every header', async () => {
  const expected = { status: 200, body: { resourceNames: [`customers/${M2}`, `customers/${M3}`] } };
  expect(await call('customers:listAccessibleCustomers')).toEqual(expected);
  expect(await call('customers:listAccessibleCustomers', M1)).toEqual(expected);
});

describe('the login-customer-id', () => {
  test.each([
    [A1, M2, 200],
    [A1, M3, 200],
    [A4, M3, 200],
    [A4, M2, 403],
    [A1, M1, 403],
    [A1, A1, 403],
    [A1, undefined, 403],
    [M3, undefined, 400],
    ['9999999999', M3, 403],
  ])('gives for %s through %s the status %d', async (customer, root, status) => {
    const response = await search(customer, root);
    expect(response.status).toBe(status);
    if (status === 403) {
      expect(response.body).toMatchObject({
        error: {
          code: 403,
          status: 'PERMISSION_DENIED',
          details: [{ errors: [{ errorCode: { authorizationError: 'USER_PERMISSION_DENIED' } }] }],
        },
      });
    }
  });

  test('must be digits', async () => {
    expect(codeOf((await search(A1, '100-000-0002')).body)).toBe('INVALID_LOGIN_CUSTOMER_ID');
  });
});

describe('a query', () => {
  test('finds levels in customer_client, and no rows for advertisers', async () => {
    const query =
      'SELECT customer_client.id, customer_client.level, customer_client.manager FROM customer_client';
    const { body } = await search(M3, M3, `${query} WHERE customer_client.level <= 1`);
    expect(body).toEqual({
      results: [
        { customerClient: { id: M3, level: '0', manager: true } },
        { customerClient: { id: A1, level: '1', manager: false } },
        { customerClient: { id: A4, level: '1', manager: false } },
      ],
      fieldMask: 'customer_client.id,customer_client.level,customer_client.manager',
    });
    expect((await search(A1, M3, query)).body).not.toHaveProperty('results');
  });

  test('returns the same in one piece with searchStream', async () => {
    const { results } = (await search(A1, M2)).body as { results: object[] };
    expect(results).toHaveLength(2);
    expect((await search(A1, M2, CAMPAIGNS, 'searchStream')).body).toMatchObject([{ results }]);
  });

  test.each([
    ['SELECT campaign.colour FROM campaign', 'UNRECOGNIZED_FIELD'],
    ['SELECT campaign.id FROM campaigns', 'BAD_RESOURCE_TYPE_IN_FROM_CLAUSE'],
    ['campaign.id', 'UNEXPECTED_INPUT'],
    ['SELECT campaign.id FROM campaign WHERE campaign.id', 'BAD_OPERATOR'],
  ])('is refused, as %s is', async (query, code) => {
    const { status, body } = await search(A1, M2, query);
    expect([status, codeOf(body)]).toEqual([400, code]);
  });

  test('finds no metrics of managers', async () => {
    expect(codeOf((await search(M2, M2)).body)).toBe('REQUESTED_METRICS_FOR_MANAGER');
  });
});

describe('the credentials of a request', () => {
  test('are refused with 401 for a bad token', async () => {
    expect((await call('customers:listAccessibleCustomers', undefined, undefined, 'ya29.x')).status).toBe(
      401,
    );
  });

  test('need the scope adwords', async () => {
    const { access_token } = await google.connect({ scope: ytAnalytics, include_granted_scopes: 'false' });
    const { status, body } = await call(
      'customers:listAccessibleCustomers',
      undefined,
      undefined,
      access_token,
    );
    expect([status, JSON.stringify(body)]).toEqual([
      403,
      expect.stringContaining('insufficient authentication scopes'),
    ]);
  });

  test('do not help with an old version, which is not served', async () => {
    const { body } = await call('customers:listAccessibleCustomers', undefined, undefined, token, 'v12');
    expect(codeOf(body)).toBe('UNSUPPORTED_VERSION');
  });
});

describe('an account that refuses for a reason of its own', () => {
  test.each([
    [{ authenticationError: 'TWO_STEP_VERIFICATION_NOT_ENROLLED' }, 401],
    [{ authorizationError: 'INCOMPLETE_SIGNUP' }, 403],
  ])('answers %j with %d, and leaves the others usable', async (refuses, status) => {
    const { accounts, ...rest } = guideHierarchy({ U2: ada.email });
    const refusing = accounts.map((each) => (each.id === A4 ? { ...each, refuses } : each));
    google.control.setAdsHierarchy({ ...rest, accounts: refusing });
    const response = await search(A4, M3);
    expect([response.status, codeOf(response.body)]).toEqual([status, Object.values(refuses)[0]]);
    expect((await search(A1, M3)).status).toBe(200);
    google.control.setAdsHierarchy(guideHierarchy({ U2: ada.email, U3: ben.email }));
  });
});

describe('the control of Google Ads', () => {
  test('grants and removes roles', async () => {
    google.control.setAdsRole(M1, ada.email, 'ADMIN');
    expect((await search(A1, M1)).status).toBe(200);
    google.control.setAdsRole(M1, ada.email, null);
    expect((await search(A1, M1)).status).toBe(403);
    expect(() => {
      google.control.setAdsRole('1', ada.email, 'ADMIN');
    }).toThrow('There is no Google Ads account "1".');
  });
});
