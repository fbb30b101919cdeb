/**
 * The samples of proxies in front of a broker with ADMIN_PORT: nginx and Caddy themselves, and Envoy by its file. What reaches the
 * broker from outside are the routes that browsers and Google need; from inside, all of them.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, request as httpRequest, type Server } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { postgresUser } from '../../sandbox/trial/postgres-files.js';
import { freePort } from '../../sandbox/trial/postgres.js';
import { until } from '../support/until.js';
import { ROUTES, samplePath } from './public-routes.js';

const HOST = 'broker.example.com';
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
/** What a request of a route would be, and who may send it. */
const REQUESTS = ROUTES.map(({ method, path, isPublic }) => ({ method, path: samplePath(path), isPublic }));
/** None of them is /connect for the broker, and some proxies make it that. */
const DISGUISED = [
  '/tokens/..%2fconnect',
  '/tokens/%2e%2e%2fconnect?ticket=x',
  '/tokens/alice/../../connect',
  '/connect/../tokens/alice',
  '/connect%2f..%2ftokens%2falice',
  '//connect',
  '/connect/',
  '/connect/tickets',
  '/connect/resultant',
  '/callback/x',
  '/logos/..%2ftokens%2falice',
  '/logos/',
  '/me/grants/../../tokens/alice',
  '/CONNECT',
];
const ADMIN_PATHS = ['/metrics', '/docs', '/docs/index.css', '/docs-json', '/console', '/console/sign-in'];

test('the routes that browsers and Google need are known', () => {
  const wanted = REQUESTS.filter(({ isPublic }) => isPublic).map(({ method, path }) => `${method} ${path}`);
  expect(wanted).toEqual(
    expect.arrayContaining([
      'GET /connect',
      'POST /connect',
      'GET /callback',
      'POST /security-events/google',
    ]),
  );
  expect(REQUESTS.length).toBeGreaterThan(20);
});

interface Proxy {
  readonly publicPort: number;
  readonly internalPort: number;
  stop(): Promise<void>;
}

/** What arrived at one of the broker's two ports. */
interface Arrived {
  readonly port: 'api' | 'admin';
  readonly method: string;
  readonly url: string;
  readonly forwardedFor: string;
  readonly traceparent: unknown;
}

const SAMPLES = [
  ['nginx', 'deploy/nginx/token-broker.conf', ['/usr/sbin/nginx', '/opt/homebrew/bin/nginx'], startNginx],
  ['Caddy', 'deploy/caddy/Caddyfile', ['/usr/bin/caddy', '/opt/homebrew/bin/caddy'], startCaddy],
] as const;

for (const [name, file, places, start] of SAMPLES) {
  const program = places.find(existsSync);
  const missing = [...(program === undefined ? [name] : []), ...(hasOpenssl() ? [] : ['openssl'])];
  const skipped = missing.length > 0 ? ` (skipped: ${missing.join(' and ')} not installed)` : '';

  (skipped === '' ? describe : describe.skip)(`${name} with ${file}${skipped}`, () => {
    const arrived: Arrived[] = [];
    const servers: Server[] = [];
    let proxy: Proxy;

    beforeAll(async () => {
      const listen = async (port: Arrived['port']) => {
        const server = createServer(({ method = '', url = '', headers }, response) => {
          arrived.push({
            port,
            method,
            url,
            forwardedFor: String(headers['x-forwarded-for']),
            traceparent: headers['traceparent'] ?? null,
          });
          response.end('from the broker');
        });
        servers.push(server);
        server.listen(0, '127.0.0.1');
        await once(server, 'listening');
        return (server.address() as AddressInfo).port;
      };
      proxy = await start(program ?? '', file, { api: await listen('api'), admin: await listen('admin') });
    });
    afterAll(async () => {
      await proxy.stop();
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    });
    beforeEach(() => {
      arrived.length = 0;
    });

    const fromOutside = (method: string, path: string) => send(httpsRequest, proxy.publicPort, method, path);
    const fromInside = (method: string, path: string) => send(httpRequest, proxy.internalPort, method, path);

    test('passes on from outside what browsers and Google need, as it came, and nothing else', async () => {
      for (const { method, path, isPublic } of REQUESTS) {
        arrived.length = 0;
        const status = await fromOutside(method, path);
        expect({ method, path, status }).toEqual({ method, path, status: isPublic ? 200 : 404 });
        expect(arrived.map(({ url }) => url)).toEqual(isPublic ? [path] : []);
      }
      expect(await fromOutside('GET', '/connect?ticket=a%2Fb')).toBe(200);
      expect(arrived.at(-1)).toMatchObject({ port: 'api', method: 'GET', url: '/connect?ticket=a%2Fb' });
    });

    test.each([...DISGUISED, ...ADMIN_PATHS, '/health/ready', '/openapi.json', '/'])(
      'passes no GET of %s on from outside',
      async (path) => {
        expect([308, 400, 404]).toContain(await fromOutside('GET', path));
        expect(arrived).toEqual([]);
      },
    );

    test('sends the broker the address of the caller, and not what the caller claims', async () => {
      await fromOutside('GET', '/connect');
      expect(arrived.map(({ forwardedFor }) => forwardedFor)).toEqual(['127.0.0.1']);
    });

    test('begins a trace for callers from outside, and goes on with those from inside', async () => {
      await fromOutside('GET', '/connect');
      expect(arrived.pop()).toMatchObject({ traceparent: null });
      await fromInside('GET', '/connect');
      expect(arrived.pop()).toMatchObject({ traceparent: TRACEPARENT });
    });

    test('passes everything on from inside, the API to one port and what operators use to the other', async () => {
      for (const { method, path } of REQUESTS.filter(({ path }) => path !== '/metrics')) {
        await fromInside(method, path);
        expect(arrived.pop()).toMatchObject({ port: 'api', method, url: path });
      }
      for (const path of ADMIN_PATHS) {
        await fromInside('GET', path);
        expect(arrived.pop()).toMatchObject({ port: 'admin', url: path });
      }
      await fromInside('GET', '/tokens/a%2Fb?scope=x%20y');
      expect(arrived.pop()).toMatchObject({ port: 'api', url: '/tokens/a%2Fb?scope=x%20y' });
    });
  });
}

test.each(['deploy/envoy/envoy.yaml', 'deploy/envoy/cells.yaml', 'docs/forward-auth.md'])(
  'each cluster of %s closes idle connections before the broker does',
  (path) => {
    const text = readFileSync(path, 'utf8');
    const samples = path.endsWith('.md')
      ? [...text.matchAll(/```yaml\n(.*?)```/gs)]
          .map(([, sample = '']) => sample)
          .filter((sample) => sample.includes('static_resources'))
      : [text];
    const clusters = samples.flatMap(
      (sample) => (parse(sample) as { static_resources: { clusters: Cluster[] } }).static_resources.clusters,
    );
    // Those of Google are not the broker's.
    const own = clusters.filter(({ transport_socket }) => transport_socket === undefined);
    expect(own.length).toBeGreaterThan(0);
    for (const { name, typed_extension_protocol_options: options } of own) {
      const { common_http_protocol_options: http, explicit_http_config: version } =
        options?.['envoy.extensions.upstreams.http.v3.HttpProtocolOptions'] ?? {};
      const seconds = Number(/^(\d+)s$/.exec(http?.idle_timeout ?? '')?.[1]);
      expect({ name, isShorter: seconds * 1000 < 620_000, version }).toEqual({
        name,
        isShorter: true,
        version: { http_protocol_options: {} },
      });
    }
  },
);

interface Cluster {
  readonly name: string;
  readonly transport_socket?: unknown;
  readonly typed_extension_protocol_options?: Record<
    string,
    { common_http_protocol_options?: { idle_timeout: string }; explicit_http_config?: object }
  >;
}

describe('Envoy with deploy/envoy/envoy.yaml', () => {
  interface Match {
    path?: string;
    prefix?: string;
    safe_regex?: { regex: string };
    headers?: { string_match: { exact?: string; safe_regex?: { regex: string } } }[];
  }
  interface Route {
    match: Match;
    route?: { cluster: string };
    direct_response?: { status: number };
  }
  const file = parse(readFileSync('deploy/envoy/envoy.yaml', 'utf8'), { merge: true }) as {
    static_resources: {
      listeners: {
        filter_chains: {
          filters: {
            typed_config: {
              normalize_path?: boolean;
              use_remote_address: boolean;
              route_config: { virtual_hosts: { routes: Route[] }[] };
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

  /** As Envoy does: the first route that matches; a regular expression matches the whole of path and value. */
  const targetOf = (listener: typeof outside, method: string, path: string) => {
    const found = listener?.route_config.virtual_hosts[0]?.routes.find(({ match }) => {
      const { exact, safe_regex } = match.headers?.[0]?.string_match ?? {};
      const isMethod = exact === undefined ? whole(safe_regex?.regex ?? '.*').test(method) : exact === method;
      if (match.path !== undefined) return isMethod && path === match.path;
      if (match.safe_regex) return isMethod && whole(match.safe_regex.regex).test(path);
      return isMethod && path.startsWith(match.prefix ?? '');
    });
    return found?.route?.cluster ?? found?.direct_response?.status;
  };

  test('routes from outside what browsers and Google need, and nothing else', () => {
    for (const { method, path, isPublic } of REQUESTS) {
      expect({ method, path, to: targetOf(outside, method, path) }).toEqual({
        method,
        path,
        to: isPublic ? 'api' : 404,
      });
    }
    for (const path of [...DISGUISED, ...ADMIN_PATHS, '/health/ready'])
      expect(targetOf(outside, 'GET', path)).toBe(404);
    // It compares the path that it sends on.
    expect(outside).toMatchObject({ normalize_path: false, use_remote_address: true });
  });

  test('routes from inside the API to one port and what operators use to the other', () => {
    for (const { method, path } of REQUESTS.filter(({ path }) => path !== '/metrics')) {
      expect(targetOf(inside, method, path)).toBe('api');
    }
    for (const path of ADMIN_PATHS) expect(targetOf(inside, 'GET', path)).toBe('admin');
    expect(file.static_resources.clusters.map(({ name }) => name)).toEqual(['api', 'admin']);
  });
});

interface Broker {
  readonly api: number;
  readonly admin: number;
}

async function startNginx(program: string, file: string, { api, admin }: Broker): Promise<Proxy> {
  const [publicPort, internalPort] = [await freePort(), await freePort()];
  const folder = newFolder();
  certificate(folder);
  const sample = configured(readFileSync(file, 'utf8'), [
    ['server 127.0.0.1:3000;', `server 127.0.0.1:${api};`],
    ['server 127.0.0.1:9000;', `server 127.0.0.1:${admin};`],
    ['listen 443 ssl;', `listen 127.0.0.1:${publicPort} ssl;`],
    [`server_name ${HOST};`, `server_name ${HOST};`],
    ['/etc/ssl/broker.example.com/fullchain.pem;', `${folder}/certificate.pem;`],
    ['/etc/ssl/broker.example.com/privkey.pem;', `${folder}/key.pem;`],
    ['listen 10.0.0.10:8080;', `listen 127.0.0.1:${internalPort};`],
  ]);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const paths = temporary.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n');
  writeFileSync(
    join(folder, 'nginx.conf'),
    `pid ${folder}/nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n${paths}\n${sample}\n}\n`,
  );
  // As root it would start its workers as a user that cannot read the folder.
  const user = postgresUser();
  for (const kind of temporary) mkdirSync(join(folder, kind));
  if (user) {
    for (const each of ['', 'key.pem', ...temporary]) chownSync(join(folder, each), user.uid, user.gid);
  }
  const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-g', 'daemon off;'];
  return running(spawn(program, args, { ...user, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] }), {
    publicPort,
    internalPort,
    folder,
  });
}

async function startCaddy(program: string, file: string, { api, admin }: Broker): Promise<Proxy> {
  const [publicPort, internalPort] = [await freePort(), await freePort()];
  const folder = newFolder();
  certificate(folder);
  const sample = configured(
    readFileSync(file, 'utf8').replaceAll('127.0.0.1:3000 # yours', `127.0.0.1:${api}`),
    [
      [
        `${HOST} {`,
        `https://${HOST}:${publicPort} {\nbind 127.0.0.1\ntls ${folder}/certificate.pem ${folder}/key.pem`,
      ],
      ['http://:8080 {', `http://:${internalPort} {`],
      ['bind 10.0.0.10', 'bind 127.0.0.1'],
      ['reverse_proxy 127.0.0.1:9000', `reverse_proxy 127.0.0.1:${admin}`],
    ],
  );
  writeFileSync(join(folder, 'Caddyfile'), `{\nadmin off\nauto_https disable_redirects\n}\n${sample}`);
  const args = ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'];
  // It keeps certificates and its last configuration in the home folder.
  const env = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  return running(spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] }), {
    publicPort,
    internalPort,
    folder,
  });
}

interface Started {
  readonly publicPort: number;
  readonly internalPort: number;
  readonly folder: string;
}

async function running(child: ChildProcess, { publicPort, internalPort, folder }: Started): Promise<Proxy> {
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`It did not start:\n${log}`);
    const responses = await Promise.allSettled([
      send(httpsRequest, publicPort, 'GET', '/nothing'),
      send(httpRequest, internalPort, 'GET', '/nothing'),
    ]);
    return responses.every(({ status }) => status === 'fulfilled');
  });
  return {
    publicPort,
    internalPort,
    stop: async () => {
      const end = once(child, 'exit');
      if (child.exitCode === null && child.kill('SIGTERM')) await end;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** With a path as it is: `fetch` would resolve dots. @returns the status */
function send(request: typeof httpRequest | typeof httpsRequest, port: number, method: string, path: string) {
  return new Promise<number>((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      method,
      path,
      servername: HOST,
      rejectUnauthorized: false,
      headers: { host: HOST, 'x-forwarded-for': '192.0.2.7', traceparent: TRACEPARENT },
    };
    request(options, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-proxy-'));
  chmodSync(folder, 0o755);
  return folder;
}

function hasOpenssl(): boolean {
  return spawnSync('openssl', ['version']).status === 0;
}

function certificate(folder: string): void {
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'certificate.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`];
  const { status, stderr } = spawnSync('openssl', ['req', '-x509', ...curve, ...names, ...files], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
}

/** Replaces each text and its mark, which must stand there once, and leaves no other line that is for the reader to change. */
function configured(text: string, changes: readonly (readonly [string, string])[]): string {
  let result = text;
  for (const [before, after] of changes) {
    if (result.split(`${before} # yours`).length !== 2) throw new Error(`This is not there once: ${before}`);
    result = result.replace(`${before} # yours`, () => after);
  }
  const left = result.split('\n').filter((line) => line.endsWith('# yours'));
  if (left.length > 0) throw new Error(`The test does not set: ${left.join('\n')}`);
  return result;
}
