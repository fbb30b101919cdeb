/** `token-broker apply` and `export`: the broker is as a file says, in one transaction, and no secret is in the file. */
import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ChangeFeed } from '../../src/token-store/change-feed/change-feed.js';
import { Api } from '../support/api.js';
import { exhaustive, fewOf } from '../support/exhaustive.js';
import { LocalIssuer, SigningKey } from '../support/local-issuer.js';
import { pngOf } from '../support/png.js';
import { ALICE, startTestBed, type TestBed, YOUTUBE, YOUTUBE_MONEY } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { startTokenBroker, tokenBroker } from './token-broker.js';

let bed: TestBed;
let folder: string;
let issuer: LocalIssuer;
beforeAll(async () => {
  bed = await startTestBed();
  issuer = await LocalIssuer.start();
  folder = mkdtempSync(join(tmpdir(), 'token-broker-apply-'));
  writeFileSync(join(folder, 'logo.png'), pngOf(64, [26, 86, 196]));
});
beforeEach(async () => {
  await bed.reset();
  await bed.sql('DELETE FROM webhooks; DELETE FROM declared_settings; DELETE FROM services');
});
afterAll(async () => {
  await bed.stop();
  await issuer.stop();
});

const file = (text: string, name = 'services.yaml') => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const apply = async (text: string, options: string[] = [], env: Record<string, string> = {}) => {
  const run = await tokenBroker(['apply', file(text), ...options], { ...bed.settings, ...env });
  await bed.app.get(ChangeFeed).catchUp();
  return run;
};
const applyJson = async (text: string, options: string[] = [], env: Record<string, string> = {}) => {
  const { code, stdout, stderr } = await apply(text, [...options, '--json'], env);
  return {
    code,
    output: stdout === '' ? {} : (JSON.parse(stdout) as Record<string, unknown>),
    failure: stderr === '' ? null : (JSON.parse(stderr) as { faults?: string[] }),
  };
};
const exported = async () => (await tokenBroker(['export'], bed.settings)).stdout;
const everything = () =>
  bed.sql(`SELECT (SELECT json_agg(s ORDER BY id) FROM services s) AS services,
    (SELECT json_agg(w ORDER BY id) FROM webhooks w) AS webhooks,
    (SELECT json_agg(f ORDER BY service_id) FROM service_faces f) AS branding,
    (SELECT json_agg(d ORDER BY kind, name) FROM declared_settings d) AS settings`);

const SERVICE = `
  reports:
    clients: [default]
    scopes: ['${YOUTUBE}']
    users: ['team-*', alice]
`;
const full = () => `
issuers:
  ${issuer.url}:
    audience: broker
clients:
  second: { testing: true }
services:
  reports:
    clients: [default, second]
    scopes: ['${YOUTUBE}', '${YOUTUBE_MONEY}']
    users: ['team-*', alice]
    allow: [disconnect, audit]
    branding:
      display_name: Acme Reports
      logo: ./logo.png
      colour: '#0B7A4B'
      privacy_url: https://acme.example/privacy
  batch:
    clients: ['*']
    scopes: ['*']
    users: ['*']
    identity:
      issuer: ${issuer.url}
      subject: system:serviceaccount:analytics:batch
webhooks:
  app:
    url: https://app.example.com/hooks
  reports:
    url: https://reports.example.com/hooks
    events: [grant.reconnect_required, grant.expiring]
    services: [reports]
    enabled: false
`;

describe('a file that is applied', () => {
  test('makes services, branding, webhooks, issuers and settings of clients, and shows new secrets once', async () => {
    const { code, output } = await applyJson(full());
    expect(code).toBe(0);
    const { changes, service_keys: keys, webhook_secrets: secrets } = output;
    expect((changes as { section: string; name: string; action: string }[]).map((change) => change)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ section: 'issuers', name: issuer.url, action: 'create' }),
        expect.objectContaining({ section: 'clients', name: 'second', action: 'create' }),
        expect.objectContaining({ section: 'services', name: 'reports', action: 'create' }),
        expect.objectContaining({ section: 'services', name: 'batch', action: 'create' }),
        expect.objectContaining({ section: 'webhooks', name: 'app', action: 'create' }),
      ]),
    );
    expect(Object.keys(keys as object)).toEqual(['reports']);
    expect(Object.keys(secrets as object)).toEqual(['app', 'reports']);
    for (const secret of Object.values(secrets as Record<string, string>)) expect(secret).toMatch(/^whsec_/);

    // The broker has it a moment later: the key, the identity of a declared issuer, the client in Testing, the branding.
    const reports = new Api(bed.url, (keys as Record<string, string>)['reports'] ?? '');
    const connected = { user_id: 'alice', scope: YOUTUBE, client: 'second' };
    expect((await reports.connect(connected, { account: ALICE.email })).status).toBe(200);
    const { body } = await reports.get('/users/alice/grants');
    expect(body['grants']).toMatchObject([{ expires: { reason: 'testing_mode' } }]);
    const key = await SigningKey.make('one');
    issuer.keys = [key.publicJwk];
    const seconds = Math.floor(bed.clock.now().getTime() / 1000);
    const claims = { iss: issuer.url, sub: 'system:serviceaccount:analytics:batch', aud: 'broker' };
    const jwt = await key.sign({ ...claims, iat: seconds, exp: seconds + 600 });
    const batch = new Api(bed.url, jwt);
    expect((await batch.get('/users/alice/grants')).status).toBe(200);
    for (const call of [1, 2, 3])
      expect([call, (await batch.token('alice', { client: 'second' })).status]).toEqual([call, 200]);
    const [branding] = await bed.sql('SELECT display_name, colour, logo_type FROM service_faces');
    expect(branding).toEqual({ display_name: 'Acme Reports', colour: '#0b7a4b', logo_type: 'image/png' });

    // An issuer that goes proves nothing any more.
    expect(await apply('issuers: {}', ['--prune'])).toMatchObject({ code: 0 });
    expect((await batch.token('alice', { client: 'second' })).status).toBe(401);
    expect((await new Api(bed.url, jwt).get('/users/alice/grants')).status).toBe(401);
  });

  test('changes nothing with --dry-run, and nothing the second time', async () => {
    const before = await everything();
    const dry = await apply(full(), ['--dry-run']);
    expect(dry.code).toBe(0);
    expect(dry.stdout).toContain('  + reports\n      clients: default second\n');
    expect(dry.stdout).toContain('Nothing was written.');
    expect(dry.stdout).not.toMatch(/tbk_|whsec_/);
    expect(await everything()).toEqual(before);
    await apply(full());
    const once = await everything();
    expect((await apply(full())).stdout).toBe('No changes: the broker matches the file.\n');
    expect(await everything()).toEqual(once);
  });

  exhaustive.test(
    'changes policies, branding and webhooks as the diff says, and leaves what it does not name',
    async () => {
      const { output } = await applyJson(full());
      const key = (output['service_keys'] as Record<string, string>)['reports'] ?? '';
      const changed = full()
        .replace("'team-*', alice", "'team-*', bob")
        .replace('Acme Reports', 'Reports of Acme')
        .replace('enabled: false', 'enabled: true')
        .replace(/ {2}batch:[^]*?webhooks:/, 'webhooks:');
      const dry = await apply(changed, ['--dry-run']);
      expect(dry.stdout).toBe(
        [
          'services',
          '  ~ reports',
          '      users: +bob -alice',
          '      branding.display_name: "Acme Reports" -> "Reports of Acme"',
          '',
          'webhooks',
          '  ~ reports',
          '      enabled: false -> true',
          '',
          '2 changes. Nothing was written.',
          '',
        ].join('\n'),
      );
      expect((await apply(changed)).code).toBe(0);
      const api = new Api(bed.url, key);
      expect((await api.token('alice')).status).toBe(403);
      expect((await api.token('bob')).status).toBe(404);
      const active = await bed.sql('SELECT name FROM services WHERE revoked_at IS NULL ORDER BY name');
      expect(active).toEqual([{ name: 'batch' }, { name: 'reports' }]);
      const audited = await bed.sql(
        `SELECT action, actor, details FROM audit_trail WHERE action LIKE '%.update' ORDER BY sequence`,
      );
      expect(audited).toMatchObject([
        {
          action: 'service.update',
          actor: 'operator',
          details: { name: 'reports', users: ['team-*', 'bob'] },
        },
        { action: 'webhook.update', details: { webhook: 'reports', enabled: true } },
      ]);
    },
  );

  test('leaves the same details in the audit trail as the commands, besides that they are declared', async () => {
    const create = ['--client', 'default', '--scope', YOUTUBE, '--user', 'team-*', '--user', 'alice'];
    const branding = ['--display-name', 'Acme', '--logo', join(folder, 'logo.png'), '--colour', '#0b7a4b'];
    for (const allow of [[], ['audit', 'disconnect']]) {
      await bed.sql('TRUNCATE audit_trail, services CASCADE');
      const rights = allow.length === 0 ? [] : ['--allow', allow.join(',')];
      await tokenBroker(['service', 'create', 'reports', ...create, ...rights], bed.settings);
      await tokenBroker(['service', 'update', 'reports', ...branding], bed.settings);
      await bed.sql('TRUNCATE services CASCADE');
      const declared = `services:${SERVICE}    allow: [${allow.join(', ')}]\n`;
      await applyJson(declared);
      await applyJson(
        `${declared}    branding: { display_name: Acme, logo: ./logo.png, colour: '#0b7a4b' }\n`,
      );
      const details = (action: string) =>
        bed.sql(`SELECT details FROM audit_trail WHERE action = '${action}' ORDER BY sequence`);
      const [created, applied] = await details('service.create');
      expect(created?.['details']).toMatchObject({ clients: ['default'], allow });
      expect(applied).toEqual({ details: { ...(created?.['details'] as object), declared: true } });
      const [updated, changed] = await details('service.update');
      // A command writes the whole branding, an applied file what it changes.
      expect({ ...(changed?.['details'] as object), privacy_url: null, support_url: null }).toEqual({
        ...(updated?.['details'] as object),
        declared: true,
      });
    }
  });

  test('leaves the same details of a webhook as the command, with the ids of services', async () => {
    await applyJson(`services:${SERVICE}`);
    const url = 'https://app.example.com/hooks';
    const create = (name: string, ...filter: string[]) =>
      tokenBroker(['webhook', 'create', name, '--url', url, ...filter], bed.settings);
    await create('all');
    await create('some', '--event', 'grant.expiring', '--service', 'reports');
    await bed.sql('DELETE FROM webhooks');
    const filter = 'events: [grant.expiring], services: [reports]';
    await applyJson(`webhooks:\n  all: { url: '${url}' }\n  some: { url: '${url}', ${filter} }\n`);
    const rows = await bed.sql(
      `SELECT details FROM audit_trail WHERE action = 'webhook.create' ORDER BY details->>'webhook', sequence`,
    );
    const [all, allDeclared, some, someDeclared] = rows.map(({ details }) => details as object);
    expect(all).toMatchObject({ events: [], services: [] });
    expect(allDeclared).toEqual({ ...all, declared: true });
    expect(some).toMatchObject({ services: [expect.stringMatching(/^[a-z0-9]{12}$/)] });
    expect(someDeclared).toEqual({ ...some, declared: true });
  });

  exhaustive.test('takes away what its sections do not name only with --prune', async () => {
    await apply(full());
    const rest = `services:${SERVICE}`;
    expect((await apply(rest, ['--dry-run', '--prune'])).stdout).toContain('  - batch (is revoked)');
    expect((await apply(rest, ['--prune'])).code).toBe(0);
    expect(await bed.sql('SELECT name FROM services WHERE revoked_at IS NULL')).toEqual([
      { name: 'reports' },
    ]);
    // It has no such section.
    expect(await bed.sql('SELECT 1 FROM webhooks')).toHaveLength(2);
    expect((await apply('webhooks: {}', ['--prune'])).code).toBe(0);
    expect(await bed.sql('SELECT 1 FROM webhooks')).toEqual([]);
    // The name of a revoked service stays taken.
    const again = await apply(full());
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('services.batch: was revoked') });
  });

  describe('in which an identity goes to another service', () => {
    const WHOLE = `clients: ['*'], scopes: ['*'], users: ['*']`;
    const owners = (subjects: Readonly<Record<string, string>>) =>
      [
        `issuers: { '${issuer.url}': { audience: broker } }`,
        'services:',
        ...Object.entries(subjects).map(
          ([name, subject]) =>
            `  ${name}: { ${WHOLE}, identity: { issuer: '${issuer.url}', subject: ${subject} } }`,
        ),
        '',
      ].join('\n');
    const held = async () => {
      const rows = await bed.sql('SELECT name, subject FROM services WHERE revoked_at IS NULL');
      return new Map(rows.map(({ name, subject }) => [name, subject]));
    };

    test('is applied as its dry run says, where the other one goes, moves on, or takes that of this one', async () => {
      expect((await apply(owners({ a: 'x' }))).code).toBe(0);
      for (const next of [{ b: 'x' }, { b: 'y', c: 'x' }, { b: 'x', c: 'y' }]) {
        expect((await apply(owners(next), ['--dry-run', '--prune'])).code).toBe(0);
        expect(await apply(owners(next), ['--prune'])).toMatchObject({ code: 0 });
        expect(await held()).toEqual(new Map(Object.entries(next)));
      }
      // The rows are signed as they are.
      expect((await tokenBroker(['service', 'list'], bed.settings)).stdout).not.toContain('NOT VERIFIED');
    });

    test('is refused where two services would have it', async () => {
      expect((await apply(owners({ a: 'x' }))).code).toBe(0);
      for (const [text, of] of [
        [owners({ b: 'x' }), 'b'],
        [owners({ b: 'y', c: 'y' }), 'c'],
      ] as const) {
        const { code, stderr } = await apply(text);
        expect({ code, stderr }).toEqual({
          code: 2,
          stderr: expect.stringMatching(
            new RegExp(`services\\.${of}\\.identity: The service \\w has this identity, too`),
          ),
        });
      }
    });
  });

  test('is applied in full or not at all', async () => {
    await bed.sql(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END $$;
      CREATE TRIGGER refused BEFORE INSERT ON webhooks FOR EACH ROW EXECUTE FUNCTION refuse()`);
    try {
      const before = await everything();
      expect(await apply(full())).toMatchObject({ code: 69, stdout: '' });
      expect(await everything()).toEqual(before);
    } finally {
      await bed.sql('DROP TRIGGER refused ON webhooks; DROP FUNCTION refuse()');
    }
  });

  test.each([
    ['disables', 'webhooks: { crm: { url: "https://crm.example/hook", enabled: false } }', 'disabled'],
    ['deletes', 'webhooks: {}', 'deleted'],
  ])('%s a webhook at once while replicas change what waits for it', async (_, changed, why) => {
    await apply('webhooks: { crm: { url: "https://crm.example/hook" } }');
    await (await bed.service()).connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
    const replica = new pg.Client({ connectionString: bed.ownerUrl });
    await replica.connect();
    try {
      await replica.query(`BEGIN; UPDATE outbox_events SET attempts = attempts WHERE user_id = 'alice'`);
      const applied = apply(changed, ['--prune']);
      await until(
        async () => (await bed.sql('SELECT 1 FROM webhooks WHERE disabled_at IS NULL')).length === 0,
      );
      await replica.query('COMMIT');
      expect((await applied).code).toBe(0);
    } finally {
      await replica.end();
    }
    const events = await bed.sql('SELECT last_error, abandoned_at IS NOT NULL AS ended FROM outbox_events');
    expect(events).toEqual([{ last_error: why, ended: true }]);
  });

  test('writes new secrets into a private file where it is asked to, and never over another one', async () => {
    const target = join(folder, 'secrets.json');
    const run = await apply(`services:${SERVICE}`, ['--secrets-to', target]);
    expect(run.code).toBe(0);
    expect(run.stdout).not.toContain('tbk_');
    expect(JSON.parse(readFileSync(target, 'utf8'))).toMatchObject({
      service_keys: { reports: expect.stringMatching(/^tbk_/) },
    });
    expect(statSync(target).mode & 0o777).toBe(0o600);
    const again = await apply(`services:${SERVICE.replace('reports', 'more')}`, ['--secrets-to', target]);
    expect(again).toMatchObject({ code: 3, stderr: expect.stringContaining('exists already') });
    expect(await bed.sql(`SELECT 1 FROM services WHERE name = 'more'`)).toEqual([]);
  });

  exhaustive.test(
    'changes nothing where the file of secrets cannot be written, and leaves no file where nothing is changed',
    async () => {
      const before = await everything();
      // It goes between the look at its name and the commit, as a disk fills up.
      const gone = await apply(`services:${SERVICE}`, ['--secrets-to', join(folder, 'gone', 'secrets.json')]);
      expect(gone).toMatchObject({ code: 4, stdout: '', stderr: expect.stringContaining('does not exist') });
      expect(await everything()).toEqual(before);

      const target = join(folder, 'later.json');
      const unreachable = { DATABASE_URL: 'postgresql://broker:x@127.0.0.1:1/broker' };
      const run = await apply(`services:${SERVICE}`, ['--secrets-to', target], unreachable);
      expect(run).toMatchObject({ code: 69, stdout: '' });
      expect(existsSync(target)).toBe(false);
      const faulty = `services:${SERVICE.replace('default', 'nowhere')}`;
      expect(await apply(faulty, ['--secrets-to', target])).toMatchObject({ code: 2 });
      expect(existsSync(target)).toBe(false);
      expect(await apply(`services:${SERVICE}`, ['--secrets-to', target])).toMatchObject({ code: 0 });
      expect(existsSync(target)).toBe(true);
    },
  );

  exhaustive.test(
    'keeps the file of secrets where a commit fails that may have happened, and says so',
    async () => {
      // The constraint is checked at the commit.
      await bed.sql(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END $$;
      CREATE CONSTRAINT TRIGGER refused AFTER INSERT ON services DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION refuse()`);
      try {
        const target = join(folder, 'uncertain.json');
        const run = await apply(`services:${SERVICE}`, ['--secrets-to', target]);
        expect(run).toMatchObject({ code: 69, stderr: expect.stringContaining('may have been made') });
        expect(run.stderr).not.toContain('Nothing was changed');
        expect(readFileSync(target, 'utf8')).toContain('tbk_');
      } finally {
        await bed.sql('DROP TRIGGER refused ON services; DROP FUNCTION refuse()');
      }
    },
  );

  exhaustive.test(
    'shows only the origin of the address of a webhook, whose path can hold a token',
    async () => {
      const declared = (path: string) => `webhooks: { app: { url: 'https://app.example.com/${path}' } }`;
      const runs = [
        await apply(declared('token-one'), ['--dry-run']),
        await apply(declared('token-one'), ['--dry-run', '--json']),
        await apply(declared('token-one')),
        await apply(declared('token-two'), ['--dry-run']),
        await apply(declared('token-two'), ['--json']),
        await apply('webhooks: {}', ['--prune', '--json']),
      ];
      expect(runs.map(({ code }) => code)).toEqual(runs.map(() => 0));
      for (const { stdout } of runs) expect(stdout).not.toContain('token-');
      expect(runs[0]?.stdout).toContain('      url: https://app.example.com/…\n');
      expect(runs[3]?.stdout).toContain('https://app.example.com/… (another path)\n');
    },
  );

  test('quotes values, so that none can pass for another change', async () => {
    await apply(full());
    const changed = full().replace('Acme Reports', 'Acme -> Reports');
    expect((await apply(changed, ['--dry-run'])).stdout).toContain(
      '      branding.display_name: "Acme Reports" -> "Acme -> Reports"\n',
    );
  });

  exhaustive.test(
    'gives a webhook the secret of the environment, and another one with an overlap',
    async () => {
      const declared = 'webhooks: { app: { url: https://app.example.com/, secret_env: APP_SECRET } }';
      const [one, two] = [1, 2].map((byte) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`);
      const first = await apply(declared, [], { APP_SECRET: one ?? '' });
      expect(first.code).toBe(0);
      expect(first.stdout).not.toContain('whsec_');
      expect((await apply(declared, [], { APP_SECRET: one ?? '' })).stdout).toContain('No changes');
      const rotated = await apply(declared, [], { APP_SECRET: two ?? '' });
      expect(rotated.stdout).toContain('secret: another one');
      expect(rotated.stdout).not.toContain('whsec_');
      const missing = await apply(declared);
      expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('no variable APP_SECRET') });
    },
  );
});

describe('what is exported', () => {
  test('changes nothing when it is applied, holds no secret, and is read from standard input', async () => {
    await apply(full());
    const text = await exported();
    for (const section of ['services:', 'webhooks:', 'issuers:', 'clients:']) expect(text).toContain(section);
    expect(text).not.toMatch(/tbk_|whsec_|key_hash|sealed/);
    const { stdout, code } = await startTokenBroker(['apply', '-', '--dry-run'], bed.settings, folder, text)
      .finished;
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'No changes: the broker matches the file.\n',
    });
    // Elsewhere it makes the same.
    await bed.sql('DELETE FROM webhooks; DELETE FROM declared_settings; DELETE FROM services');
    expect((await apply(text)).code).toBe(0);
    expect(await exported()).toBe(text);
  });

  test('is a file with a comment where there is nothing', async () => {
    const { stdout } = await tokenBroker(['export', '--json'], bed.settings);
    expect(JSON.parse(stdout)).toEqual({});
  });
});

describe('a file whose template found nothing', () => {
  const URL_OF = 'url: https://crm.example.com/hooks';

  test.each(['services', 'events'])(
    'is refused where the %s of a webhook are none, since all would be sent',
    async (name) => {
      for (const none of ['', ' []']) {
        const run = await apply(`webhooks:\n  crm:\n    ${URL_OF}\n    ${name}:${none}\n`, ['--dry-run']);
        expect(run).toMatchObject({
          code: 2,
          stderr: expect.stringContaining(`webhooks.crm.${name}: names none of the ${name}`),
        });
      }
    },
  );

  test('is refused with --prune where a section has no content, and --prune removes all of one that is {}', async () => {
    await apply(`services:${SERVICE}`);
    const active = () => bed.sql('SELECT name FROM services WHERE revoked_at IS NULL');
    expect(await apply('services:\n', ['--prune'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('services: has no content'),
    });
    expect(await active()).toHaveLength(1);
    expect(await apply('services:\n', ['--dry-run'])).toMatchObject({ code: 0 });
    expect(await apply('services: {}\n', ['--prune'])).toMatchObject({ code: 0 });
    expect(await active()).toEqual([]);
  });

  test('shows that a webhook without a filter gets all, when it is new and when the filter goes', async () => {
    await apply(`services:${SERVICE}`);
    const filtered = `webhooks:\n  crm:\n    ${URL_OF}\n    services: [reports]\n`;
    const all = `webhooks:\n  crm:\n    ${URL_OF}\n`;
    const changes = async (text: string) => (await apply(text, ['--dry-run'])).stdout;
    expect(await changes(all)).toMatch(/\+ crm\n(.*\n)*.*services: all grants/);
    expect(await changes(filtered)).toMatch(/\+ crm\n(.*\n)*.*services: reports/);
    await apply(filtered);
    expect(await changes(all)).toContain('services: reports -> all grants');
    await apply(all);
    expect(await changes(filtered)).toContain('services: all -> reports');
  });
});

describe('a faulty file', () => {
  test.each(
    fewOf(
      [
        ['an unknown section', 'service: {}', 1, 'There is no such key. Known are services'],
        [
          'an unknown key',
          `services:${SERVICE}    color: red`,
          6,
          'services.reports.color: There is no such key',
        ],
        ['a list that is none', 'services:\n  a:\n    clients: default', 3, 'must be a list of texts'],
        ['a number for a text', `services:${SERVICE}    branding: { display_name: 12 }`, 6, 'must be a text'],
        [
          'a missing key',
          'services:\n  a:\n    clients: [default]\n    scopes: [openid]',
          2,
          'services.a.users: is missing',
        ],
        [
          'a client that is not served',
          `services:${SERVICE.replace('default', 'nowhere')}`,
          3,
          'serves no client called nowhere',
        ],
        [
          'a malformed scope',
          `services:${SERVICE.replace(YOUTUBE, 'ftp://x')}`,
          4,
          'services.reports.scopes',
        ],
        ['an unknown right', `services:${SERVICE}    allow: [everything]`, 6, 'must be of audit'],
        [
          'a malformed colour',
          `services:${SERVICE}    branding:\n      colour: red`,
          7,
          'services.reports.branding.colour',
        ],
        [
          'a logo that is not there',
          `services:${SERVICE}    branding: { logo: ./none.png }`,
          6,
          'cannot be read',
        ],
        [
          'an identity of another issuer',
          `services:${SERVICE}    identity: { issuer: 'https://x.example', subject: s }`,
          6,
          'is not trusted',
        ],
        [
          'a webhook without an https URL',
          'webhooks:\n  app:\n    url: app.example.com',
          3,
          'must be an http or https URL',
        ],
        [
          'an event that there is not',
          'webhooks:\n  app:\n    url: https://a.example\n    events: [x]',
          4,
          'must be of grant.connected',
        ],
        [
          'a service that there is not',
          'webhooks:\n  app:\n    url: https://a.example\n    services: [x]',
          4,
          'There is no service x',
        ],
        [
          'an issuer without https',
          'issuers:\n  http://x.example:\n    audience: a',
          2,
          'must be an https URL',
        ],
        [
          'a trust domain without keys',
          'issuers:\n  spiffe://x.example:\n    audience: a',
          2,
          'has no discovery',
        ],
        [
          'a client that there is not',
          'clients:\n  nowhere: { testing: true }',
          2,
          'serves no client called nowhere',
        ],
        [
          'a name that is given twice',
          'webhooks:\n  a: { url: https://a.example }\n  a: { url: https://b.example }',
          3,
          'unique',
        ],
        ['YAML that is none', 'services:\n  a: [', 2, ''],
        [
          'a logo that is a device',
          `services:${SERVICE}    branding: { logo: /dev/zero }`,
          6,
          'must be an https URL',
        ],
        [
          'a secret that only objects have',
          'webhooks:\n  app:\n    url: https://a.example\n    secret_env: toString',
          4,
          'no variable toString',
        ],
        ['nothing in it', '', 1, 'names nothing'],
      ],
      6,
    ),
  )('is refused for %s, with its line, and nothing is changed', async (_, text, line, message) => {
    const before = await everything();
    const { code, failure } = await applyJson(text);
    expect(code).toBe(2);
    const faults = failure?.faults ?? [];
    expect(faults.join('\n')).toContain(message);
    expect(faults.join('\n')).toMatch(new RegExp(`services\\.yaml:${line}:`));
    expect(await everything()).toEqual(before);
  });

  // YAML's own escapes: a reviewer of the file sees them, a terminal would obey what they stand for.
  test.each(fewOf(['\\u001b[2K', '\\n  + x', '\\u202e', '\\u0085', '\\u200b']))(
    'is refused for %s in any text, which is not printed as it is',
    async (hidden) => {
      const kinds = `
"section${hidden}": {}
services: { reports: { "color${hidden}": x } }
webhooks: { app: { url: 'https://a.example/', secret_env: "X${hidden}" } }`;
      const values = `
issuers:
  'https://x.example': { audience: "a${hidden}b" }
  'https://y.example': { audience: a, jwks_uri: "https://y.example/${hidden}" }
  "https://z.example/${hidden}": { audience: a }
clients: { "client${hidden}": { testing: true } }
services:
  "a${hidden}": { clients: [default], scopes: [openid], users: [alice] }
  b: { clients: ["x${hidden}"], scopes: ["x${hidden}"], users: [alice], identity: { issuer: 'https://x.example', subject: "s${hidden}" } }
  c:
    clients: [default]
    scopes: [openid]
    users: [alice]
    branding: { display_name: "c${hidden}d", logo: "https://a.example/${hidden}", privacy_url: "https://a.example/${hidden}", support_url: "https://a.example/${hidden}" }
webhooks:
  "app${hidden}": { url: 'https://a.example/' }
  b: { url: "https://a.example/${hidden}", events: ["x${hidden}"], services: ["x${hidden}"] }`;
      const faulty = [
        ['"section', 'services.reports."color', 'webhooks.app.secret_env'],
        [
          ...['https://x.example.audience', 'https://y.example.jwks_uri', '"https://z.example/'],
          ...[
            'clients."client',
            'services."a',
            'services.b.clients',
            'services.b.scopes',
            'identity.subject',
          ],
          ...[
            'c.branding.display_name',
            'c.branding.logo',
            'c.branding.privacy_url',
            'c.branding.support_url',
          ],
          ...['webhooks."app', 'webhooks.b.url', 'webhooks.b.events', 'webhooks.b.services'],
        ],
      ];
      for (const [index, text] of [kinds, values].entries()) {
        const { code, stdout, stderr } = await apply(text, ['--dry-run']);
        expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
        for (const where of faulty[index] ?? []) expect(stderr).toContain(where);
        // oxlint-disable-next-line no-control-regex -- they are what must not be there
        expect(stderr).not.toMatch(/[\u001b\u0085\u200b\u202e]|^ {2}\+/m);
      }
    },
  );

  test('shows what is invisible in an id of a user as an escape', async () => {
    const declared = `services: { a: { clients: [default], scopes: [openid], users: ["x\\u202ey"] } }`;
    expect((await apply(declared, ['--dry-run'])).stdout).toContain('      users: "x\\u{202e}y"\n');
  });

  test('is refused with all its faults at once, in the order of the file', async () => {
    const { failure } = await applyJson(
      'webhooks:\n  app:\n    url: 12\n    event: [x]\nservices:\n  reports: {}\n',
    );
    const lines = (failure?.faults ?? []).map((fault) => Number(/yaml:(\d+):/.exec(fault)?.[1]));
    expect(lines.length).toBeGreaterThan(2);
    expect(lines).toEqual(lines.toSorted((a, b) => a - b));
  });

  exhaustive.test('does not turn a key into an identity', async () => {
    await apply(full());
    const changed = full().replace(
      "'team-*', alice]",
      `'*']\n    identity: { issuer: '${issuer.url}', subject: x }`,
    );
    expect(await apply(changed)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('A key cannot become an identity'),
    });
  });
});

exhaustive.test(
  'a row of declared settings that was written outside the broker does not count, with an alarm',
  async () => {
    await apply(full());
    await bed.sql(
      `UPDATE declared_settings SET content = '{"audience": "other", "jwksUri": null}' WHERE kind = 'issuer'`,
    );
    expect(await exported()).not.toContain('issuers:');
    const services = await tokenBroker(
      [
        'service',
        'create',
        'x',
        '--client',
        '*',
        '--scope',
        '*',
        '--user',
        '*',
        '--issuer',
        issuer.url,
        '--subject',
        's',
      ],
      bed.settings,
    );
    expect(services).toMatchObject({ code: 2, stderr: expect.stringContaining('is not trusted') });
  },
);
