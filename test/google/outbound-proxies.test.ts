/**
 * Every outbound request of a process goes through the proxy that its environment names, and trusts a private CA. The
 * proxy leads every tunnel to a TLS end on this machine, whose certificate is for Google's hosts and an issuer's.
 */
import pg from 'pg';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { request as ask } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Fleet, startFleet } from '../../sandbox/fleet/fleet.js';
import { type StandIn, startStandIn } from '../../sandbox/google/stand-in.js';
import { startTokenBroker, tokenBroker } from '../cli/token-broker.js';
import { ConnectProxy } from '../support/connect-proxy.js';
import { LocalIssuer, SigningKey } from '../support/local-issuer.js';
import { createDatabase } from '../support/test-bed.js';
import { until } from '../support/until.js';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const describeWithTls = hasOpenssl ? describe : describe.skip;

const HOSTS = [
  'oauth2.googleapis.com',
  'www.googleapis.com',
  'accounts.google.com',
  'issuer.example.com',
  'app.example.com',
];
const ISSUER = 'https://issuer.example.com';
const AUDIENCE = 'https://broker.example.com';
const EVENT = '{"type":"grant.connected","timestamp":"2026-01-01T00:00:00.000Z","data":{}}';

const folder = mkdtempSync(join(tmpdir(), 'token-broker-proxies-'));
const file = (name: string, content: unknown) => {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};

/** A private CA, and a certificate of it for all hosts. */
function makeCertificates(): { readonly ca: string; readonly key: string; readonly cert: string } {
  const run = (...args: string[]) => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  run(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=Private CA',
  );
  run('req', ...newKey, '-keyout', 'end.key', '-out', 'end.csr', '-subj', '/CN=end');
  file('extensions', `subjectAltName=${HOSTS.map((host) => `DNS:${host}`).join(',')}`);
  run(
    ...['x509', '-req', '-in', 'end.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
    ...['-out', 'end.pem', '-days', '2', '-extfile', 'extensions'],
  );
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  return { ca: join(folder, 'ca.pem'), key: read('end.key'), cert: read('end.pem') };
}

describeWithTls(
  hasOpenssl ? 'outbound requests' : 'outbound requests (skipped: needs the program openssl)',
  () => {
    let google: StandIn;
    let issuer: LocalIssuer;
    let tls: Server;
    let proxy: ConnectProxy;
    let ca: string;
    let key: SigningKey;
    const delivered: string[] = [];

    beforeAll(async () => {
      google = await startStandIn({
        clients: [
          {
            clientId: 'through-proxy',
            projectId: 'project',
            clientSecret: 'GOCSPX-through-proxy',
            kind: 'web',
            redirectUris: ['http://localhost:3000/callback'],
          },
        ],
        accounts: [],
      });
      issuer = await LocalIssuer.start();
      key = await SigningKey.make('issuer-1');
      issuer.keys = [key.publicJwk];
      issuer.discovery = { issuer: ISSUER, jwks_uri: `${ISSUER}/keys` };
      const made = makeCertificates();
      ca = made.ca;
      // By host, to what is behind it.
      tls = createServer(made, (request, response) => {
        const { host = '' } = request.headers;
        if (host === 'app.example.com') {
          delivered.push(request.url ?? '');
          response.writeHead(204).end();
          return;
        }
        const behind = host === 'issuer.example.com' ? issuer.url : google.url;
        const { method, headers, url = '' } = request;
        const onward = ask(new URL(url, behind), { method, headers }, (upstream) => {
          response.writeHead(upstream.statusCode ?? 502, upstream.headers);
          upstream.pipe(response);
        });
        request.pipe(onward);
      });
      await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
      const port = (tls.address() as AddressInfo).port;
      proxy = await ConnectProxy.start({ tls: port, http: Number(new URL(google.url).port) });
    }, 60_000);

    beforeEach(() => {
      proxy.asked.length = 0;
      proxy.credentials.length = 0;
      proxy.refusal = null;
    });

    afterAll(async () => {
      await proxy.stop();
      tls.closeAllConnections();
      tls.close();
      await issuer.stop();
      await google.close();
    });

    describe('the requests of a command to the real Google', () => {
      const check = (env: Record<string, string>) => {
        const clients = file('client.json', google.clientSecretJson('through-proxy'));
        const settings = {
          PUBLIC_URL: 'http://localhost:3000',
          GOOGLE_CLIENT_SECRETS: clients,
          GOOGLE_TIMEOUT_MS: '3000',
        };
        // Node.js reads this variable when a process starts.
        const more = { NODE_EXTRA_CA_CERTS: ca, ...env };
        return startTokenBroker(['client', 'check', '--json'], { ...settings, ...more }).finished;
      };
      const verdictOf = ({ stdout }: { stdout: string }) =>
        (JSON.parse(stdout) as { clients: { google: Record<string, unknown> }[] }).clients[0]?.google;

      test.each(['HTTPS_PROXY', 'https_proxy'])('go through %s', async (name) => {
        const run = await check({ [name]: `http://${proxy.address}` });
        expect(verdictOf(run)).toMatchObject({ verdict: 'accepted' });
        expect(proxy.asked).toEqual(['CONNECT oauth2.googleapis.com:443']);
      });

      test('carry a user name and password to the proxy', async () => {
        const run = await check({ HTTPS_PROXY: `http://user:p%40ss@${proxy.address}` });
        expect(verdictOf(run)).toMatchObject({ verdict: 'accepted' });
        expect(proxy.credentials).toEqual([`Basic ${Buffer.from('user:p@ss').toString('base64')}`]);
        expect(run.stdout + run.stderr).not.toContain('p@ss');
      });

      test('name a proxy that refuses, and do not bypass it', async () => {
        proxy.refusal = 407;
        const run = await check({ HTTPS_PROXY: `http://user:secret@${proxy.address}` });
        expect(verdictOf(run)).toMatchObject({ verdict: 'no_answer', error: 'proxy_407' });
        expect(run.stdout + run.stderr).not.toContain('secret');
      });

      test('fail where the certificate is of an unknown authority', async () => {
        const run = await check({ HTTPS_PROXY: `http://${proxy.address}`, NODE_EXTRA_CA_CERTS: '' });
        expect(verdictOf(run)).toMatchObject({ verdict: 'no_answer' });
      });

      test.each(['socks5://proxy.example.com', 'http://user:secret@:3128'])(
        'report as a fault a proxy that cannot be meant (%s), and show no password',
        async (address) => {
          const run = await check({ HTTPS_PROXY: address });
          expect(proxy.asked).toEqual([]);
          expect(verdictOf(run)).toMatchObject({ verdict: 'not_asked' });
          expect(run.stdout + run.stderr).not.toContain('secret');
        },
      );
    });

    describe('the requests of a broker', () => {
      let fleet: Fleet;
      let database: pg.Client;

      beforeAll(async () => {
        const databaseUrl = await createDatabase();
        database = new pg.Client({ connectionString: databaseUrl });
        await database.connect();
        fleet = await startFleet(databaseUrl, 1, {
          HTTPS_PROXY: `http://${proxy.address}`,
          HTTP_PROXY: `http://${proxy.address}`,
          NODE_EXTRA_CA_CERTS: ca,
          SERVICE_ISSUERS_FILE: file('issuers.json', [{ issuer: ISSUER, audience: AUDIENCE }]),
          WEBHOOK_TIMEOUT_MS: '1000',
        });
        const url = 'https://app.example.com/hooks';
        const created = await tokenBroker(['webhook', 'create', 'app', '--url', url], fleet.settings);
        expect(created).toMatchObject({ code: 0 });
      }, 60_000);
      afterAll(async () => {
        await fleet.stop();
        await database.end();
      });

      test('hold no connection to a silent proxy longer than they last', async () => {
        proxy.isUnresponsive = true;
        await database.query(`INSERT INTO outbox_events (id, type, webhook_id, payload, created_at, next_attempt_at)
        SELECT 'msg_2', 'grant.connected', id, '${EVENT}', now(), now() FROM webhooks`);
        await until(() => proxy.waiting > 0, 8_000);
        // Before it is tried again.
        await until(() => proxy.waiting === 0, 8_000);
        proxy.isUnresponsive = false;
        await database.query('DELETE FROM outbox_events');
      }, 30_000);

      test('go through the proxy to an issuer and to the receiver of webhooks, never to addresses of this machine', async () => {
        const created = await tokenBroker(
          [
            ...['service', 'create', 'jwt', '--client', 'default', '--scope', '*', '--user', '*'],
            ...['--issuer', ISSUER, '--subject', 'reports'],
          ],
          fleet.settings,
        );
        expect(created).toMatchObject({ code: 0 });
        await database.query(`INSERT INTO outbox_events (id, type, webhook_id, payload, created_at, next_attempt_at)
        SELECT 'msg_1', 'grant.connected', id, '${EVENT}', now(), now() FROM webhooks`);
        const now = Math.floor(Date.now() / 1000);
        const jwt = await key.sign({ iss: ISSUER, sub: 'reports', aud: AUDIENCE, iat: now, exp: now + 600 });
        const response = await fetch(`${fleet.replicas[0]?.url ?? ''}/tokens/alice`, {
          headers: { authorization: `Bearer ${jwt}` },
        });
        expect(response.status).toBe(404);
        await until(() => delivered.length > 0, 10_000);
        expect(delivered).toEqual(['/hooks']);
        expect(new Set(proxy.asked)).toEqual(
          new Set(['CONNECT issuer.example.com:443', 'CONNECT app.example.com:443']),
        );
        // The stand-in for Google is on this machine; a security event makes the broker ask it.
        await fetch(`${fleet.replicas[0]?.url ?? ''}/security-events/google`, {
          method: 'POST',
          headers: { 'content-type': 'application/secevent+jwt' },
          body: jwt,
        });
        expect(fleet.google.control.count('risc_configuration')).toBe(1);
        expect(proxy.asked.filter((each) => each.includes('127.0.0.1'))).toEqual([]);
      }, 30_000);

      test('are not made with an invalid proxy address, which stops the start and is named', async () => {
        await expect(fleet.add({ HTTPS_PROXY: 'socks5://user:secret@proxy' })).rejects.toThrow(
          /HTTPS_PROXY must be the address of a proxy(?![\s\S]*secret)/,
        );
      });
    });
  },
);
