import { expect, test } from '@jest/globals';
import { kindOfRoute, ROUTE_LIMITS } from './route-limits.js';

test.each([
  ['/tokens/:userId', 'service'],
  ['/grants/import', 'service'],
  ['/connect', 'browser'],
  ['/connect/tickets', 'service'],
  ['/docs/', 'browser'],
  ['/console/users/:userId/link', 'browser'],
  ['/security-events/google', 'security-events'],
  ['/health/live', 'exempt'],
])('the route %s is in the row %s', (url, kind) => {
  expect(kindOfRoute(url)).toBe(kind);
});

test.each(['/nowhere', '/tokens', '/tokens/:other', '/connect/', '/health', '/docs-json', '/consoles', ''])(
  'the route %j is refused, as it is in no row',
  (url) => {
    expect(() => kindOfRoute(url)).toThrow('must be in one row');
  },
);

test('no two rows have the same route, and a route that is listed is found in its own row', () => {
  const listed = Object.entries(ROUTE_LIMITS).flatMap(([kind, { routes }]) =>
    routes.map((route) => [route, kind] as const),
  );
  expect(listed.map(([route]) => [route, kindOfRoute(route)])).toEqual(listed);
  expect(new Set(listed.map(([route]) => route)).size).toBe(listed.length);
});
