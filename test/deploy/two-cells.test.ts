/** Two cells, each a broker with a database and a key ring of its own, behind one nginx that knows nothing but deploy/nginx/cells.conf. */
import 'reflect-metadata';
import { execFile, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Writable } from 'node:stream';
import { promisify } from 'node:util';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { TokenBroker } from '../../clients/typescript/src/token-broker.js';
import { type StandIn, startStandIn } from '../../sandbox/google/stand-in.js';
import { freePort } from '../../sandbox/trial/postgres.js';
import { startBroker } from '../../src/bootstrap.js';
import { readConfiguration } from '../../src/config/read-configuration.js';
import { digitsOf } from '../../src/domain/cell.js';
import { generateKeyRing } from '../../src/sealing/key-ring.js';
import { query, startTokenBroker, tokenBroker } from '../cli/token-broker.js';
import { ConsoleBrowser } from '../console/console-browser.js';
import { Browser } from '../support/api.js';
import { type CellRouter, startCellRouter, WITHOUT_ROUTER } from '../support/cell-router.js';
import { tokenByFile } from '../support/default-credentials.js';
import { until } from '../support/until.js';
import { ALICE, APP, asRuntime, BOB, createDatabase, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';

const { resetRootLogger } = (await import(resolve('node_modules/nestjs-pino/dist/esm/rootLogger.js'))) as {
  resetRootLogger: () => void;
};

const NAMES = ['eu1', 'us1'] as const;
type Name = (typeof NAMES)[number];
const OPERATOR = { ...BOB, email: 'operator@example.com', sub: '103400000000000000009' };

interface Cell {
  readonly settings: Record<string, string>;
  readonly url: string;
  readonly adminUrl: string;
  app: NestFastifyApplication;
}

const folder = mkdtempSync(join(tmpdir(), 'token-broker-two-cells-'));
const file = (name: string, content: string) => {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
};
let google: StandIn;
let router: CellRouter;
let publicUrl: string;
let services: string;
let key: string;
const cells = {} as Record<Name, Cell>;
/** A user of each cell, as the router has it. */
const users = {} as Record<Name, string>;

const start = (settings: Record<string, string>) => {
  resetRootLogger();
  const logDestination = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  return startBroker(readConfiguration(settings), { logDestination });
};

const withRouter = WITHOUT_ROUTER === '' ? test : test.skip;
const named = (name: string) => `${name}${WITHOUT_ROUTER}`;

beforeAll(async () => {
  if (WITHOUT_ROUTER !== '') return;
  const [outside, inside] = [await freePort(), await freePort()];
  publicUrl = `http://127.0.0.1:${outside}`;
  services = `http://127.0.0.1:${inside}`;
  const ports = { eu1: [await freePort(), await freePort()], us1: [await freePort(), await freePort()] };
  const adminUrl = (name: Name) => `http://127.0.0.1:${ports[name][1] ?? 0}`;
  google = await startStandIn({
    clients: [
      {
        clientId: 'cells',
        projectId: 'cells',
        clientSecret: `GOCSPX-${randomUUID()}`,
        kind: 'web',
        redirectUris: [`${publicUrl}/callback`, ...NAMES.map((name) => `${adminUrl(name)}/console/callback`)],
      },
    ],
    accounts: [ALICE, BOB, OPERATOR],
  });
  const client = file('client.json', JSON.stringify(google.clientSecretJson('cells')));
  for (const name of NAMES) {
    const url = `http://127.0.0.1:${ports[name][0] ?? 0}`;
    const [peer] = NAMES.filter((other) => other !== name) as [Name];
    const settings = {
      NODE_ENV: 'test',
      CELL: name,
      CELL_PEERS: `http://127.0.0.1:${ports[peer][0] ?? 0}`,
      PORT: String(ports[name][0]),
      ADMIN_PORT: String(ports[name][1]),
      ADMIN_URL: adminUrl(name),
      PUBLIC_URL: publicUrl,
      DATABASE_URL: asRuntime(await createDatabase()),
      DATABASE_POOL_SIZE: '4',
      KEY_RING_FILE: file(`${name}.json`, generateKeyRing(new Date())),
      GOOGLE_CLIENT_SECRETS: client,
      GOOGLE_STAND_IN_URL: google.url,
      RETURN_TO_ORIGINS: APP,
      BROWSER_RATE_LIMIT: '100000',
      CONSOLE_OPERATORS: OPERATOR.email,
    };
    cells[name] = { settings, url, adminUrl: adminUrl(name), app: await start(settings) };
  }
  const declared = file(
    'services.yaml',
    `services: { reports: { clients: ['*'], scopes: ['*'], users: ['*'], allow: [audit, disconnect, revoke, import] } }
webhooks: { app: { url: 'https://app.example.com/hooks' } }\n`,
  );
  const secrets = join(folder, 'secrets.json');
  for (const [name, option] of [
    ['eu1', '--secrets-to'],
    ['us1', '--secrets-from'],
  ] as const) {
    const applied = await tokenBroker(['apply', declared, option, secrets], cells[name].settings);
    expect(applied).toMatchObject({ code: 0, stderr: '' });
    // What was given is not shown.
    expect(applied.stdout).not.toContain('tbk_');
  }
  const made = JSON.parse(readFileSync(secrets, 'utf8')) as { service_keys: { reports: string } };
  key = made.service_keys.reports;
  router = await startCellRouter({ outside, inside, eu1: ports.eu1[0] ?? 0, us1: ports.us1[0] ?? 0 });
  for (let each = 0; Object.keys(users).length < NAMES.length; each++) {
    const { body } = await call('POST', '/connect/tickets', { user_id: `user-${each}`, scope: YOUTUBE });
    const [cell] = String(body['id']).split('.') as [Name];
    if (!(cell in users)) users[cell] = `user-${each}`;
  }
}, 60_000);

beforeEach(async () => {
  if (WITHOUT_ROUTER !== '') return;
  for (const name of NAMES) await call('DELETE', `/users/${users[name]}?mode=local`);
});

afterAll(async () => {
  if (WITHOUT_ROUTER !== '') return;
  await router.stop();
  for (const name of NAMES) await cells[name].app.close();
  await google.close();
  rmSync(folder, { recursive: true, force: true });
});

/** As a service that follows docs/cells.md. */
async function call(
  method: string,
  path: string,
  body?: Record<string, unknown>,
  others: Record<string, string> = {},
) {
  const user = body?.['user_id'];
  const response = await fetch(`${services}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(typeof user === 'string' ? { 'x-token-broker-user': encodeURIComponent(user) } : {}),
      ...others,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  return { status: response.status, text, body: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} };
}

/** @param header that names the user */
async function authz(header: string) {
  const response = await fetch(`${services}/authz`, {
    headers: {
      authorization: `Bearer ${key}`,
      'x-token-broker-user': header,
      'x-forwarded-host': 'youtubeanalytics.googleapis.com',
    },
  });
  return { status: response.status, code: response.headers.get('x-token-broker-code') };
}

/** @param prefix of the path, which names the user where there is no header */
async function exchange(user: string, header: string, prefix = '') {
  const response = await fetch(`${services}${prefix}/oauth2/token`, {
    method: 'POST',
    ...(header === '' ? {} : { headers: { 'x-token-broker-user': header } }),
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: key,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: `${publicUrl}/users/${encodeURIComponent(user)}`,
    }),
  });
  return { status: response.status, text: await response.text() };
}

/** @returns the id of the ticket, and what the browser shows in the end */
async function connect(ticket: Record<string, unknown>, account: string = ALICE.email) {
  const { body } = await call('POST', '/connect/tickets', { scope: YOUTUBE, ...ticket });
  const url = String(body['connect_url']);
  expect(url.startsWith(`${publicUrl}/connect?ticket=ct_`)).toBe(true);
  expect(url.length).toBeLessThanOrEqual(120);
  return { id: String(body['id']), page: await new Browser().connect(url, { account }) };
}

const grantsIn = (name: Name) =>
  query(
    cells[name].settings['DATABASE_URL'] ?? '',
    'SELECT id::text, user_id, status::text FROM grants ORDER BY created_at',
  );

withRouter(
  named('a user connects, is served and disconnects in its own cell, and the ids that leave it say which'),
  async () => {
    for (const name of NAMES) {
      const user = users[name];
      const { id, page } = await connect({ user_id: user });
      expect({ status: page.status, text: page.text.includes('Connected') }).toEqual({
        status: 200,
        text: true,
      });
      expect((await call('GET', `/connect/tickets/${id}`)).body).toMatchObject({ state: 'success' });
      expect((await grantsIn(name)).map(({ user_id }) => user_id)).toEqual([user]);
      const token = await call('GET', `/tokens/${user}`);
      expect(token.status).toBe(200);
      const list = await call('GET', `/users/${user}/grants`);
      const [grant] = list.body['grants'] as { id: string }[];
      expect(grant?.id.startsWith(`${digitsOf(name)}-`)).toBe(true);
      expect((await call('GET', `/grants/${grant?.id ?? ''}`)).body).toMatchObject({ id: grant?.id });
      expect((await call('DELETE', `/grants/${grant?.id ?? ''}?mode=local`)).status).toBe(200);
      expect((await call('GET', `/tokens/${user}`)).status).toBe(404);
      expect(await grantsIn(name)).toEqual([]);
    }
  },
);

withRouter(
  named('a consent is confirmed, and a delegated credential is used, by the cell that their texts name'),
  async () => {
    for (const name of NAMES) {
      const user = users[name];
      const { page } = await connect({ user_id: user, confirm: true, return_to: `${APP}/done` });
      const code = new URL(page.headers.get('location') ?? '').searchParams.get('connect_code') ?? '';
      const [cell] = code.split('.');
      expect(cell).toBe(name);
      const confirmed = await call('POST', `/cells/${cell ?? ''}/connect/completions`, {
        code,
        user_id: user,
      });
      expect(confirmed.body).toMatchObject({ connect: 'success' });

      const created = await call('POST', '/services/self/credentials', { user_id: user, expires_in: 3600 });
      const handle = String(created.body['credential'] ?? created.body['refresh_token']);
      expect(handle.startsWith(`tbc_${name}.`)).toBe(true);
      const redeemed = await fetch(`${services}/cells/${name}/oauth2/token`, {
        method: 'POST',
        body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: handle }),
      });
      expect(redeemed.status).toBe(200);
      const id = String(created.body['id']);
      expect((await call('DELETE', `/services/self/credentials/${id}`)).status).toBeLessThan(300);
    }
  },
);

withRouter(named('the link of a refusal, and the page of what an app holds, work in each cell'), async () => {
  for (const name of NAMES) {
    const user = users[name];
    await connect({ user_id: user });
    const refused = await call('GET', `/tokens/${user}?scope=${encodeURIComponent(YOUTUBE_MONEY)}`);
    const link = String(refused.body['connect_url']);
    expect(link.startsWith(`${publicUrl}/connect?ticket=${name}.eyJ`)).toBe(true);
    // Under the name of another cell it is no link, even where a router sends it to this one.
    const path = link.slice(publicUrl.length).replace(`=${name}.`, '=ap1.');
    expect((await fetch(`${cells[name].url}${path}`, { redirect: 'manual' })).status).toBe(400);
    expect((await new Browser().connect(link, { account: ALICE.email })).text).toContain('Connected');
    expect((await call('GET', `/tokens/${user}?scope=${encodeURIComponent(YOUTUBE_MONEY)}`)).status).toBe(
      200,
    );

    const { body } = await call('POST', '/connect/tickets', { user_id: user, purpose: 'manage' });
    const browser = new Browser();
    const press = async (page: { text: string }, path: string) => {
      const [, action = '', form = ''] =
        [...page.text.matchAll(/<form method="post" action="([^"]*)">(.*?)<\/form>/gs)].find(([, to = '']) =>
          to.startsWith(path),
        ) ?? [];
      expect(action).toBe(`${path}?cell=${name}`);
      const fields = [...form.matchAll(/name="([^"]*)" value="([^"]*)"/g)].map(
        ([, field = '', value = '']) => [field, value],
      );
      const response = await browser.submit(
        new URL(action, publicUrl),
        Object.fromEntries(fields) as Record<string, string>,
      );
      return browser.open(new URL(response.headers.get('location') ?? '', publicUrl));
    };
    const mine = await press(await browser.open(String(body['connect_url'])), '/me/grants');
    const [, question = ''] = /href="(\/me\/grants\/disconnect[^"]*)"/.exec(mine.text) ?? [];
    const page = await browser.open(new URL(question.replaceAll('&amp;', '&'), publicUrl));
    expect((await press(page, '/me/grants/disconnect')).status).toBe(200);
    expect((await call('GET', `/tokens/${user}`)).status).not.toBe(200);
  }
});

withRouter(
  named('a security event reaches every cell, or is delivered again, and each handles it once'),
  async () => {
    for (const name of NAMES) await connect({ user_id: users[name] }, BOB.email);
    const event = (jti: string) =>
      google.control.sendSecurityEvent({
        type: 'account-disabled',
        reason: 'hijacking',
        subject: { subject_type: 'iss-sub', iss: `${google.url}/`, sub: BOB.sub },
        jti,
        to: `${publicUrl}/security-events/google`,
      });
    const statuses = async (name: Name) => (await grantsIn(name)).map(({ status }) => status);
    const handled = (name: Name) =>
      query(cells[name].settings['DATABASE_URL'] ?? '', 'SELECT jti FROM security_events').then(
        (rows) => rows.length,
      );

    // The router gives it to eu1; us1 is away.
    const { app, settings } = cells.us1;
    await app.close();
    const refused = await event('first');
    expect([refused.status, JSON.parse(refused.body)]).toMatchObject([503, { code: 'cell_unavailable' }]);
    cells.us1.app = await start(settings);
    expect(await statuses('us1')).toEqual(['active']);
    expect((await event('first')).status).toBe(202);
    for (const name of NAMES) {
      expect(await statuses(name)).toEqual(['suspended']);
      expect(await handled(name)).toBe(1);
      expect((await call('GET', `/tokens/${users[name]}`)).status).not.toBe(200);
    }
  },
);

withRouter(
  named('lists and the audit trail are asked of each cell by its name, and not without'),
  async () => {
    for (const name of NAMES) await connect({ user_id: users[name] });
    for (const path of ['/audit', '/grants?expiring_within=30d'])
      expect((await call('GET', path)).status).toBe(400);
    expect((await call('POST', '/grants/import', {})).status).toBe(400);
    for (const name of NAMES) {
      const { body } = await call('GET', `/cells/${name}/audit?action=connect.consent`);
      const seen = new Set((body['events'] as { user_id: string }[]).map(({ user_id }) => user_id));
      expect([...seen]).toEqual([users[name]]);
    }
  },
);

withRouter(named('the console of each cell is at its own address, and shows its own users'), async () => {
  for (const name of NAMES) await connect({ user_id: users[name] });
  for (const name of NAMES) {
    expect((await fetch(`${services}/console`)).status).toBe(404);
    const browser = new ConsoleBrowser(cells[name].adminUrl);
    await browser.signIn(OPERATOR.email);
    const [grant] = await grantsIn(name);
    const page = await browser.get(`/console/users/${users[name]}`);
    expect(page.status).toBe(200);
    expect(page.text).toContain(String(grant?.['id']));
    const [other] = NAMES.filter((each) => each !== name) as [Name];
    const [theirs] = await grantsIn(other);
    expect((await browser.get(`/console/grants/${String(theirs?.['id'])}`)).status).toBe(404);
  }
});

/** encodeURIComponent changes all but the last. */
const ENCODED_USERS = ['a@b.com', 'müller', 'auth0|1', 'a%40b.com', "it's-(me)*!"];

withRouter(
  named('a user id that is percent-encoded has one cell in paths, in bodies and at /authz'),
  async () => {
    const seen = new Set<string>();
    for (const user of ENCODED_USERS) {
      const path = encodeURIComponent(user);
      const { id, page } = await connect({ user_id: user });
      expect(page.text).toContain('Connected');
      seen.add(id.split('.')[0] ?? '');
      expect((await call('GET', `/tokens/${path}`)).status).toBe(200);
      expect(await authz(path)).toEqual({ status: 200, code: null });
      const created = await call('POST', '/services/self/credentials', { user_id: user, expires_in: 3600 });
      expect(String(created.body['credential'])).toContain(`tbc_${id.split('.')[0] ?? ''}.`);
      const exchanged = await exchange(user, path);
      expect(exchanged.status).toBe(200);
      expect((await call('DELETE', `/users/${path}?mode=local`)).status).toBe(200);
    }
    expect(seen.size).toBeGreaterThan(0);
  },
);

withRouter(
  named('a path that names the user in another text is refused, also after one that was accepted'),
  async () => {
    const user = 'path@b.com';
    await connect({ user_id: user });
    const path = encodeURIComponent(user);
    expect((await call('GET', `/tokens/${path}`)).status).toBe(200);
    // The second text comes to another cell, or to the same one: both refuse it.
    for (const other of [user, path.replace('p', '%70')]) {
      expect(await exchange(user, '', `/users/${other}`)).toMatchObject({
        status: 400,
        text: expect.stringContaining('x-token-broker-user'),
      });
      for (const response of [
        await call('GET', `/tokens/${other}`),
        await call('DELETE', `/users/${other}?mode=local`),
      ])
        expect(response).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    }
    expect((await call('GET', `/tokens/${path}`)).status).toBe(200);
    expect((await call('DELETE', `/users/${path}?mode=local`)).status).toBe(200);
  },
);

withRouter(
  named('a header that names the user otherwise than the path does, or another user, is refused'),
  async () => {
    const users_ = ENCODED_USERS.filter((user) => encodeURIComponent(user) !== user);
    const wrong = (user: string) => [
      Buffer.from(user).toString('latin1'),
      encodeURIComponent(`${user}x`),
      // The same user in another text.
      `%${user.charCodeAt(0).toString(16)}${encodeURIComponent(user.slice(1))}`,
      '%FF',
    ];
    for (const user of users_) {
      for (const header of wrong(user)) {
        // A space ends what the router reads, and a text without one is enough here.
        if (header.includes(' ')) continue;
        const headers = { 'x-token-broker-user': header };
        const responses = [
          await call('POST', '/connect/tickets', { user_id: user, scope: YOUTUBE }, headers),
          await call('POST', '/services/self/credentials', { user_id: user, expires_in: 3600 }, headers),
          await exchange(user, header),
          ...(await Promise.all(
            NAMES.flatMap((name) => [
              call(
                'POST',
                `/cells/${name}/connect/completions`,
                { code: `${name}.${'a'.repeat(43)}`, user_id: user },
                headers,
              ),
              call(
                'POST',
                `/cells/${name}/grants/import`,
                { grants: [{ user_id: user, refresh_token: '1//0abc' }] },
                headers,
              ),
            ]),
          )),
        ];
        for (const { status, text } of responses) {
          expect({ user, header, status }).toEqual({ user, header, status: 400 });
          expect(text).toContain('x-token-broker-user');
        }
        // Of another user, it is a header like any other there.
        const isOther = [`${user}x`, 'a@b.com'].some((other) => encodeURIComponent(other) === header);
        if (!isOther) expect(await authz(header)).toEqual({ status: 403, code: 'invalid_request' });
      }
    }
    for (const name of NAMES) expect(await grantsIn(name)).toEqual([]);
  },
);

withRouter(
  named(
    "a sidecar, and Google's library with a written file, reach the cell of a user by a key and by a credential",
  ),
  async () => {
    const keyFile = file('reports.key', key);
    const to = { TOKEN_BROKER_URL: services };
    for (const user of [...NAMES.map((name) => users[name]), ...ENCODED_USERS]) {
      const { id } = await connect({ user_id: user });
      const cell = id.split('.')[0] ?? '';
      const created = await call('POST', '/services/self/credentials', { user_id: user, expires_in: 3600 });
      const credentialFile = file('user.credential', String(created.body['credential']));
      for (const [proof, kind, path] of [
        [['--user', user, '--key-file', keyFile], 'external_account', `/users/${encodeURIComponent(user)}`],
        [['--credential-file', credentialFile], 'external_account_authorized_user', `/cells/${cell}`],
      ] as const) {
        const credentials = join(folder, `${kind}.json`);
        const args = ['credentials-file', ...proof, '--for', kind, '--output', credentials, '--force'];
        expect(await tokenBroker(args, to)).toMatchObject({ code: 0 });
        const written = JSON.parse(readFileSync(credentials, 'utf8')) as { token_url: string };
        expect(written.token_url).toBe(`${services}${path}/oauth2/token`);
        expect(await tokenByFile(credentials, [YOUTUBE])).toMatch(/^ya29\./);
        // Past the router, such as in the network of the cell.
        const direct = written.token_url.replace(services, cells[cell as Name].url);
        writeFileSync(credentials, JSON.stringify({ ...written, token_url: direct }));
        expect(await tokenByFile(credentials, [YOUTUBE])).toMatch(/^ya29\./);

        const sidecar = startTokenBroker(['sidecar', ...proof, '--json'], to);
        await until(() => sidecar.printed().stdout.endsWith('\n'));
        const { variables } = JSON.parse(sidecar.printed().stdout) as { variables: Record<string, string> };
        const address = variables['GCE_METADATA_HOST'] ?? '';
        const url = `http://${address}/computeMetadata/v1/instance/service-accounts/default/token`;
        const response = await fetch(url, { headers: { 'metadata-flavor': 'Google' } });
        expect({ status: response.status, text: await response.text() }).toEqual({
          status: 200,
          text: expect.stringContaining('ya29.'),
        });
        sidecar.kill('SIGTERM');
        expect((await sidecar.finished).code).toBe(0);
      }
      await call('DELETE', `/users/${encodeURIComponent(user)}?mode=local`);
    }
  },
);

withRouter(named('the typed clients reach the cell of a user, by its path and by its body'), async () => {
  const typescript = new TokenBroker({ url: services, key });
  const hasPython = spawnSync('python3', ['-c', 'import dataclasses']).status === 0;
  for (const user of ENCODED_USERS) {
    const { id } = await connect({ user_id: user });
    const [cell] = id.split('.');
    expect((await typescript.token(user)).scopes).toContain(YOUTUBE);
    expect((await typescript.manageLink(user)).id.split('.')[0]).toBe(cell);
    if (!hasPython) continue;
    const script = `
import sys
from token_broker import TokenBroker
broker = TokenBroker(sys.argv[1], key=sys.argv[2])
print("${YOUTUBE}" in broker.token(sys.argv[3]).scopes, broker.manage_link(sys.argv[3]).id.split(".")[0])`;
    const { stdout } = await promisify(execFile)('python3', ['-c', script, services, key, user], {
      env: { ...process.env, PYTHONPATH: resolve('clients/python'), PYTHONDONTWRITEBYTECODE: '1' },
    });
    expect(stdout).toBe(`True ${cell ?? ''}\n`);
    await call('DELETE', `/users/${encodeURIComponent(user)}?mode=local`);
  }
});
