/** Debian's nginx with the file that docs/forward-auth.md recommends, and an upstream that stands for Google's APIs. */
import { spawn, spawnSync } from 'node:child_process';
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
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgresUser } from '../../sandbox/trial/postgres-files.js';
import { freePort } from '../../sandbox/trial/postgres.js';
import { until } from './until.js';

const PROGRAM = ['/usr/sbin/nginx', '/usr/bin/nginx', '/opt/homebrew/bin/nginx'].find(existsSync);
const MISSING = [
  ...(PROGRAM === undefined ? ['nginx'] : []),
  ...(spawnSync('openssl', ['version']).status === 0 ? [] : ['openssl']),
];

/** Why tests with it are skipped, for their names; '' where it is installed. */
export const WITHOUT_NGINX = MISSING.length === 0 ? '' : ` (skipped: ${MISSING.join(' and ')} not installed)`;

const EXAMPLE = 'deploy/nginx/google-apis.conf';

/** A request that reached Google's stand-in. */
interface Arrived {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Upstream {
  readonly port: number;
  readonly certificate: string;
  readonly arrived: Arrived[];
  stop(): void;
}

/** An https server with a certificate for *.googleapis.com; it answers with what arrived. */
export async function startUpstream(hosts: readonly string[]): Promise<Upstream> {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-upstream-'));
  chmodSync(folder, 0o755);
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const names = `subjectAltName=${hosts.map((host) => `DNS:${host}`).join(',')}`;
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const { status, stderr } = spawnSync(
    'openssl',
    [
      'req',
      '-x509',
      ...curve,
      '-subj',
      '/CN=upstream',
      '-addext',
      names,
      '-keyout',
      key,
      '-out',
      certificate,
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  const arrived: Arrived[] = [];
  const server = createServer(
    { key: readFileSync(key), cert: readFileSync(certificate) },
    (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        arrived.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
        response.setHeader('content-type', 'application/json').end('{"kind":"from Google"}');
      });
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    certificate,
    arrived,
    stop: () => {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface Nginx {
  readonly url: string;
  readonly log: () => string;
  stop(): Promise<void>;
}

interface NginxOptions {
  readonly brokerUrl: string;
  readonly upstream: Upstream;
  /** Names that lead to the upstream. */
  readonly hosts: readonly string[];
  /** Lines for `location = /authz`. */
  readonly authz?: string;
}

export async function startNginx({ brokerUrl, upstream, hosts, authz = '' }: NginxOptions): Promise<Nginx> {
  if (PROGRAM === undefined) throw new Error('nginx is not installed.');
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-nginx-'));
  chmodSync(folder, 0o755);
  const example = configured(readFileSync(EXAMPLE, 'utf8'), [
    ['server 127.0.0.1:3000; # yours', `server ${new URL(brokerUrl).host};`],
    ['listen 127.0.0.1:8080; # yours', `listen 127.0.0.1:${port};`],
    ['resolver 127.0.0.53; # yours', ''],
    ['/etc/ssl/certs/ca-certificates.crt; # yours', `${upstream.certificate};`],
    ['proxy_pass http://token_broker/authz;', `proxy_pass http://token_broker/authz;\n${authz}`],
  ]);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const configuration = `pid ${folder}/nginx.pid;
error_log stderr;
events {}
http {
access_log off;
${temporary.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n')}
${hosts.map((host) => `upstream ${host} { server 127.0.0.1:${upstream.port}; }`).join('\n')}
${example}
}
`;
  const path = join(folder, 'nginx.conf');
  writeFileSync(path, configuration);
  // As root it would start its workers as a user that cannot read the folder.
  const user = postgresUser();
  for (const kind of temporary) mkdirSync(join(folder, kind));
  if (user) for (const each of ['', ...temporary]) chownSync(join(folder, each), user.uid, user.gid);
  const child = spawn(PROGRAM, ['-p', folder, '-c', path, '-g', 'daemon off;'], {
    ...user,
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const url = `http://127.0.0.1:${port}`;
  await until(() => {
    if (child.exitCode !== null) throw new Error(`nginx did not start:\n${log}`);
    return fetch(url).then(Boolean, () => false);
  });
  return {
    url,
    log: () => log,
    stop: async () => {
      const end = once(child, 'exit');
      if (child.exitCode === null) child.kill('SIGTERM');
      if (child.exitCode === null) await end;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Replaces each text, which must stand there once, and leaves no other line that is for the reader to change. */
function configured(text: string, changes: readonly (readonly [string, string])[]): string {
  let result = text;
  for (const [before, after] of changes) {
    if (result.split(before).length !== 2) throw new Error(`${EXAMPLE} does not hold this once: ${before}`);
    result = result.replace(before, () => after);
  }
  const left = result.split('\n').filter((line) => /; # yours$/.test(line));
  if (left.length > 0) throw new Error(`The test does not set: ${left.join('\n')}`);
  return result;
}
