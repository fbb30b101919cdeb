/** The table of rate limits, held against the routes that the broker has: each is in the row of those who call it, and no row has others. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { FastifyInstance } from 'fastify';
import { covers, kindOfRoute, ROUTE_LIMITS } from '../../src/http/rate-limit/route-limits.js';
import { samplePath } from '../deploy/public-routes.js';
import { ALICE, startTestBed, type TestBed } from '../support/test-bed.js';

interface Route {
  readonly path: string;
  readonly method: string;
}

const EXEMPT = [
  '/.well-known/oauth-authorization-server',
  '/health/live',
  '/health/ready',
  '/metrics',
  '/openapi.json',
  '/style.css',
];

let bed: TestBed;
let routes: readonly Route[];

beforeAll(async () => {
  bed = await startTestBed({ CONSOLE_OPERATORS: ALICE.email, BROWSER_RATE_LIMIT: '1000' });
  const server: FastifyInstance = bed.app.getHttpAdapter().getInstance();
  routes = registered(server);
});
afterAll(() => bed.stop());

/** The router prints a route below the one that its path begins with: `│   └── /:id (DELETE)`. HEAD goes with GET. */
function registered(server: FastifyInstance): Route[] {
  const above: string[] = [];
  return server
    .printRoutes({ commonPrefix: false })
    .trimEnd()
    .split('\n')
    .flatMap((line) => {
      const [, indent = '', part = '', methods = ''] =
        /^([│ ]*)[├└]── (\S+) \(([A-Z, ]+)\)$/.exec(line) ?? [];
      above.length = indent.length / 4;
      above.push(part);
      const path = above.join('');
      return methods
        .split(', ')
        .filter((method) => method !== 'HEAD')
        .map((method) => ({ path, method }));
    });
}

/** Without a credential. The token endpoint would have it in a form. */
async function call({ path, method }: Route): Promise<{ status: number; text: string }> {
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'none' });
  const body = method === 'GET' ? {} : { body: form };
  const url = `${bed.url}${samplePath(path).replace('*', 'any')}`;
  const response = await fetch(url, { method, redirect: 'manual', ...body });
  return { status: response.status, text: await response.text() };
}

test('the router prints each route that the broker has', () => {
  expect(routes).toEqual(
    expect.arrayContaining([
      { path: '/tokens/:userId', method: 'GET' },
      { path: '/connect/tickets/:id', method: 'DELETE' },
      { path: '/console/users/:userId/link', method: 'POST' },
      { path: '/docs/*', method: 'GET' },
    ]),
  );
  for (const { path } of routes) expect(path).toMatch(/^\/[\w./:*-]*$/);
});

test('a route that requires a credential is limited by service, one that is exempt is listed here, and others are for browsers', async () => {
  const expected = await Promise.all(
    routes.map(async (route) => {
      const needsCredential = (await call(route)).text.includes('"code":"unauthenticated"');
      if (needsCredential) return [route, 'service'];
      if (route.path === '/security-events/google') return [route, 'security-events'];
      return [route, EXEMPT.includes(route.path) ? 'exempt' : 'browser'];
    }),
  );
  expect(routes.map((route) => [route, kindOfRoute(route.path)])).toEqual(expected);
});

test('no row has a route that the broker does not', () => {
  const listed = Object.values(ROUTE_LIMITS).flatMap(({ routes: patterns }) => patterns);
  expect(listed.filter((pattern) => !routes.some(({ path }) => covers(pattern, path)))).toEqual([]);
});

test('an address that has used up its limits is refused by every route that is not exempt', async () => {
  await bed.restart({
    CONSOLE_OPERATORS: ALICE.email,
    BROWSER_RATE_LIMIT: '1',
    SECURITY_EVENT_RATE_LIMIT: '1',
  });
  for (const path of ['/docs', '/tokens/alice']) await call({ path, method: 'GET' });
  await call({ path: '/security-events/google', method: 'POST' });
  for (const route of routes) {
    const { status } = await call(route);
    expect([route, status === 429]).toEqual([route, !EXEMPT.includes(route.path)]);
  }
});
