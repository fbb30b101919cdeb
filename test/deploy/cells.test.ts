/**
 * Every route of the API has its class in docs/cells.md, and both routers send a request of each class to the right cell: nginx itself,
 * and Envoy by its file.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { freePort } from '../../sandbox/trial/postgres.js';
import { digitsOf } from '../../src/domain/cell.js';
import { type CellRouter, startCellRouter, WITHOUT_ROUTER } from '../support/cell-router.js';
import { ROUTES, samplePath } from './public-routes.js';

const CLASSES = ['user in path', 'user in header', 'id in path', 'named', 'any', 'each replica'] as const;
type Class = (typeof CLASSES)[number];

const { paths } = JSON.parse(readFileSync('clients/openapi.json', 'utf8')) as {
  paths: Record<string, Record<string, unknown>>;
};
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
);
const classes = new Map(
  [...readFileSync('docs/cells.md', 'utf8').matchAll(/^\| `([A-Z]+ \/[^`]*)` +\| ([a-z ]+?) +\|/gm)].map(
    ([, operation = '', name = '']) => [operation, name as Class],
  ),
);

test.each(operations)('%s has a class', (operation) => {
  expect(CLASSES).toContain(classes.get(operation));
});

test('docs/cells.md names no other route', () => {
  expect([...classes.keys()].filter((operation) => !operations.includes(operation))).toEqual([]);
});

test('only what every cell answers alike, or for all, is left to any of them', () => {
  expect([...classes].filter(([, name]) => name === 'any').map(([operation]) => operation)).toEqual([
    'POST /security-events/google',
    'GET /.well-known/oauth-authorization-server',
  ]);
});

interface Call {
  readonly method: string;
  readonly path: string;
  readonly user?: string;
}

const CELLS = ['eu1', 'us1'] as const;
type Cell = (typeof CELLS)[number];
const uuid = (cell: Cell) => `${digitsOf(cell)}-0000-8000-8000-000000000001`;
const OLD_UUID = '0b1f7c3e-5a80-4c0b-b0e7-1f6d4d6c2f3e';

/** Ids as the route has them. */
const idOf = (path: string, cell: Cell) => (path.startsWith('/grants') ? uuid(cell) : `${cell}.h3k9x2mvq7aw`);

/** Calls of a route for one cell; those of a user are apart. */
function callsFor(operation: string, cell: Cell): Call[] {
  const [method = '', path = ''] = operation.split(' ');
  switch (classes.get(operation)) {
    case 'id in path': {
      const ids = [idOf(path, cell), ...(path.startsWith('/connect/') ? [uuid(cell)] : [])];
      return ids.flatMap((id) =>
        ['', '?mode=local&dry_run=true'].map((query) => ({ method, path: path.replace('{id}', id) + query })),
      );
    }
    case 'named':
    case 'user in header':
      return [{ method, path: `/cells/${cell}${path}?limit=5` }];
    default:
      return [];
  }
}

const BROWSER_CALLS = (cell: Cell): Call[] => [
  { method: 'GET', path: `/connect?ticket=ct_${cell}.h3k9x2mvq7aw_AAAAAAAAAAAAAAAAAAAAAA` },
  { method: 'GET', path: `/connect?ticket=${cell}.eyJhbGciOiJkaXIi.x.y.z.w&here=1` },
  { method: 'POST', path: `/connect?cell=${cell}` },
  { method: 'GET', path: `/connect/result?ticket=${cell}.h3k9x2mvq7aw` },
  { method: 'GET', path: `/connect/result?ticket=${uuid(cell)}` },
  { method: 'GET', path: `/callback?state=${cell}.abc&code=4%2F0x&scope=email` },
  { method: 'GET', path: `/callback?error=access_denied&state=${cell}.abc` },
  { method: 'GET', path: `/me/grants?ticket=${cell}.h3k9x2mvq7aw&done=gone` },
  { method: 'GET', path: `/me/grants/disconnect?ticket=${cell}.h3k9x2mvq7aw&grant=${OLD_UUID}` },
  { method: 'POST', path: `/me/grants/disconnect?cell=${cell}` },
];
/** Of ids before there were cells, and of what all answer alike. */
const FIRST_CALLS: Call[] = [
  { method: 'GET', path: `/grants/${OLD_UUID}` },
  { method: 'GET', path: `/connect/tickets/h3k9x2mvq7aw?wait=55` },
  { method: 'GET', path: `/connect/tickets/${OLD_UUID}` },
  { method: 'DELETE', path: '/services/self/credentials/h3k9x2mvq7aw' },
  { method: 'POST', path: '/security-events/google' },
  { method: 'GET', path: '/.well-known/oauth-authorization-server' },
  { method: 'GET', path: '/openapi.json' },
];
const FIRST_BROWSER_CALLS: Call[] = [
  { method: 'GET', path: '/connect?ticket=ct_h3k9x2mvq7aw_AAAAAAAAAAAAAAAAAAAAAA' },
  { method: 'POST', path: '/connect' },
  { method: 'GET', path: '/callback?state=abcdef' },
  { method: 'GET', path: '/style.css' },
  { method: 'GET', path: `/logos/${'a'.repeat(64)}` },
];

/** Answers what a user's calls have in common: the cell. */
const userCalls = (user: string): Call[] => [
  // As the files of client libraries have it.
  { method: 'POST', path: `/users/${user}/oauth2/token` },
  ...[...classes].flatMap(([operation, name]) => {
    const [method = '', path = ''] = operation.split(' ');
    if (name === 'user in path')
      return ['', '?scope=a%20b&limit=3'].map((query) => ({
        method,
        path: path.replace('{userId}', user) + query,
      }));
    return name === 'user in header' ? [{ method, path, user }] : [];
  }),
];
const USERS = Array.from({ length: 40 }, (_, user) => encodeURIComponent(`user|${user}/ä`));

describe(`nginx with deploy/nginx/cells.conf${WITHOUT_ROUTER}`, () => {
  const test_ = WITHOUT_ROUTER === '' ? test : test.skip;
  const servers: Server[] = [];
  let router: CellRouter | null = null;
  let [outside, inside] = [0, 0];

  beforeAll(async () => {
    if (WITHOUT_ROUTER !== '') return;
    const listen = async (cell: Cell) => {
      const server = createServer(({ url, headers }, response) => {
        response.end(`${cell} ${url ?? ''} ${String(headers['x-token-broker-relayed'])}`);
      });
      servers.push(server);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    };
    [outside, inside] = [await freePort(), await freePort()];
    router = await startCellRouter({ outside, inside, eu1: await listen('eu1'), us1: await listen('us1') });
  });
  afterAll(async () => {
    await router?.stop();
    for (const server of servers) server.close();
  });

  /** @returns the cell and the path that arrived there; or the status */
  const send = (port: number, { method, path, user }: Call) =>
    new Promise<string>((resolve, reject) => {
      const headers = {
        ...(user === undefined ? {} : { 'x-token-broker-user': user }),
        'x-token-broker-relayed': '1',
        ...(method === 'POST' ? { 'content-length': '0' } : {}),
      };
      request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => {
          resolve(response.statusCode === 200 ? text : String(response.statusCode));
        });
      })
        .on('error', reject)
        .end();
    });

  test_.each(CELLS)('sends what names the cell %s there', async (cell) => {
    for (const call of operations.flatMap((operation) => callsFor(operation, cell))) {
      const path = call.path.replace(`/cells/${cell}`, '');
      expect({ call, to: await send(inside, call) }).toEqual({ call, to: `${cell} ${path} 1` });
    }
    // From outside nothing but what browsers and Google need, and no mark of another cell.
    for (const call of BROWSER_CALLS(cell)) {
      expect({ call, to: await send(inside, call) }).toEqual({ call, to: `${cell} ${call.path} 1` });
      expect({ call, to: await send(outside, call) }).toEqual({ call, to: `${cell} ${call.path} undefined` });
    }
  });

  test_('sends all that concerns a user to one cell, and users to both', async () => {
    const seen = new Map<string, number>();
    for (const user of USERS) {
      const cells = new Set<string>();
      for (const call of userCalls(user)) {
        const [cell = '', path] = (await send(inside, call)).split(' ');
        expect(path).toBe(call.path);
        cells.add(cell);
      }
      expect(cells.size).toBe(1);
      const [cell = ''] = cells;
      seen.set(cell, (seen.get(cell) ?? 0) + 1);
    }
    expect([...seen.keys()].sort()).toEqual(['eu1', 'us1']);
    expect(Math.min(...seen.values())).toBeGreaterThan(5);
  });

  test_(
    'sends to the first cell what was made before there were cells, and what all answer alike',
    async () => {
      for (const call of FIRST_CALLS) expect(await send(inside, call)).toBe(`eu1 ${call.path} 1`);
      for (const call of FIRST_BROWSER_CALLS)
        expect(await send(outside, call)).toBe(`eu1 ${call.path} undefined`);
    },
  );

  test_('refuses what names no user and no cell, and guesses no cell', async () => {
    for (const [operation, name] of classes) {
      if (name !== 'named' && name !== 'user in header') continue;
      const [method = '', path = ''] = operation.split(' ');
      expect({ operation, to: await send(inside, { method, path }) }).toEqual({ operation, to: '400' });
    }
    for (const path of ['/cells/ap1/audit', '/grants/61703100-0000-8000-8000-000000000001', '/nothing'])
      expect(await send(inside, { method: 'GET', path })).toBe('400');
    for (const path of ['/console', '/metrics', '/cells/us1/console', '/docs'])
      expect(await send(inside, { method: 'GET', path })).toBe('404');
  });

  test_('passes on from outside what browsers and Google need, and nothing else', async () => {
    for (const { method, path, isPublic } of ROUTES) {
      const call = { method, path: samplePath(path), user: 'alice' };
      const to = await send(outside, call);
      expect({ call, isPassedOn: to !== '404' }).toEqual({ call, isPassedOn: isPublic });
    }
    for (const path of ['/cells/us1/connect', '/cells/us1/tokens/alice', '/tokens/alice', '/connect/tickets'])
      expect(await send(outside, { method: 'GET', path })).toBe('404');
  });
});

describe('Envoy with deploy/envoy/cells.yaml', () => {
  interface StringMatch {
    readonly exact?: string;
    readonly prefix?: string;
    readonly safe_regex?: { readonly regex: string };
  }
  interface Route {
    readonly match: {
      readonly path?: string;
      readonly prefix?: string;
      readonly safe_regex?: { readonly regex: string };
      readonly headers?: readonly {
        readonly name: string;
        readonly string_match?: StringMatch;
        readonly present_match?: true;
      }[];
      readonly query_parameters?: readonly { readonly name: string; readonly string_match: StringMatch }[];
    };
    readonly route?: {
      readonly cluster?: string;
      readonly prefix_rewrite?: string;
      readonly weighted_clusters?: unknown;
      readonly hash_policy?: readonly {
        readonly header: {
          readonly header_name: string;
          readonly regex_rewrite?: {
            readonly pattern: { readonly regex: string };
            readonly substitution: string;
          };
        };
      }[];
    };
    readonly direct_response?: { readonly status: number };
  }
  const file = parse(readFileSync('deploy/envoy/cells.yaml', 'utf8'), { merge: true }) as {
    static_resources: {
      listeners: {
        filter_chains: {
          filters: {
            typed_config: {
              normalize_path: boolean;
              route_config: { virtual_hosts: { routes: Route[] }[]; request_headers_to_remove?: string[] };
            };
          }[];
        }[];
      }[];
      clusters: { name: string }[];
    };
  };
  const [outside, inside] = file.static_resources.listeners.map(
    ({ filter_chains: [chain] }) => chain?.filters[0]?.typed_config,
  );
  const whole = (regex: string) => new RegExp(`^(?:${regex})$`);
  const fits = (value: string | undefined, { exact, prefix, safe_regex }: StringMatch) =>
    value !== undefined &&
    (exact === undefined || value === exact) &&
    (prefix === undefined || value.startsWith(prefix)) &&
    (safe_regex === undefined || whole(safe_regex.regex).test(value));

  /** As Envoy does: the first route that matches; paths are compared without the query. */
  const routeOf = (listener: typeof outside, { method, path: target, user }: Call): Route | undefined => {
    const [path = '', query = ''] = target.split('?');
    const headers: Record<string, string | undefined> = { ':method': method, 'x-token-broker-user': user };
    const parameters = new URLSearchParams(query);
    return listener?.route_config.virtual_hosts[0]?.routes.find(
      ({ match }) =>
        (match.path === undefined || match.path === path) &&
        (match.prefix === undefined || path.startsWith(match.prefix)) &&
        (match.safe_regex === undefined || whole(match.safe_regex.regex).test(path)) &&
        (match.headers ?? []).every(({ name, string_match, present_match }) =>
          present_match ? headers[name] !== undefined : fits(headers[name], string_match ?? {}),
        ) &&
        (match.query_parameters ?? []).every(({ name, string_match }) =>
          fits(parameters.get(name) ?? undefined, string_match),
        ),
    );
  };
  const targetOf = (listener: typeof outside, call: Call) => {
    const route = routeOf(listener, call);
    return (
      route?.route?.cluster ?? (route?.route?.weighted_clusters ? 'by user' : route?.direct_response?.status)
    );
  };
  /** What is hashed. */
  const hashedOf = (call: Call) => {
    const { header_name, regex_rewrite } = routeOf(inside, call)?.route?.hash_policy?.[0]?.header ?? {
      header_name: '',
    };
    const value = header_name === ':path' ? call.path : (call.user ?? '');
    if (!regex_rewrite) return value;
    return value.replace(
      new RegExp(regex_rewrite.pattern.regex),
      regex_rewrite.substitution.replace('\\1', '$1'),
    );
  };

  test.each(CELLS)('sends what names the cell %s there', (cell) => {
    for (const call of operations.flatMap((operation) => callsFor(operation, cell))) {
      expect({ call, to: targetOf(inside, call) }).toEqual({ call, to: cell });
      const rewrite = call.path.startsWith('/cells/') ? '/' : undefined;
      expect(routeOf(inside, call)?.route?.prefix_rewrite).toBe(rewrite);
    }
    for (const call of BROWSER_CALLS(cell))
      expect({ call, to: targetOf(outside, call) }).toEqual({ call, to: cell });
  });

  test('hashes the same text for all that concerns a user', () => {
    for (const user of USERS.slice(0, 3)) {
      for (const call of userCalls(user)) {
        expect({ call, to: targetOf(inside, call), hashed: hashedOf(call) }).toEqual({
          call,
          to: 'by user',
          hashed: user,
        });
      }
    }
  });

  test('sends to the first cell what was made before, and refuses what names no user and no cell', () => {
    for (const call of FIRST_CALLS) expect({ call, to: targetOf(inside, call) }).toEqual({ call, to: 'eu1' });
    for (const call of FIRST_BROWSER_CALLS)
      expect({ call, to: targetOf(outside, call) }).toEqual({ call, to: 'eu1' });
    for (const [operation, name] of classes) {
      if (name !== 'named' && name !== 'user in header') continue;
      const [method = '', path = ''] = operation.split(' ');
      expect({ operation, to: targetOf(inside, { method, path }) }).toEqual({ operation, to: 400 });
    }
    for (const path of ['/console', '/metrics', '/cells/us1/docs'])
      expect(targetOf(inside, { method: 'GET', path })).toBe(404);
  });

  test('passes on from outside what browsers and Google need, and nothing else', () => {
    for (const { method, path, isPublic } of ROUTES) {
      const call = { method, path: samplePath(path) };
      expect({ call, isPassedOn: targetOf(outside, call) !== 404 }).toEqual({ call, isPassedOn: isPublic });
    }
    expect(outside?.route_config.request_headers_to_remove).toContain('x-token-broker-relayed');
    expect([outside?.normalize_path, inside?.normalize_path]).toEqual([false, false]);
    expect(file.static_resources.clusters.map(({ name }) => name)).toEqual([...CELLS]);
  });
});
