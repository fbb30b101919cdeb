import { generateKeyPairSync } from 'node:crypto';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigurationError } from '../../src/config/configuration-files.js';
import type { Settings } from '../../src/config/settings.js';
import { readConfiguration } from '../../src/config/read-configuration.js';
import { generateKeyRing } from '../../src/sealing/key-ring.js';
import { createDatabase } from '../support/test-bed.js';
import { fewOf } from '../support/exhaustive.js';

let folder: string;
let good: Record<string, string>;

const write = (name: string, content: string) => {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
};
const clientJson = (kind: string, more: object = {}) =>
  JSON.stringify({
    [kind]: {
      client_id: 'id.apps.googleusercontent.com',
      project_id: 'project',
      client_secret: 'GOCSPX-very-secret',
      redirect_uris: ['https://broker.example.com/callback'],
      ...more,
    },
  });

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'token-broker-config-'));
  good = {
    NODE_ENV: 'production',
    PUBLIC_URL: 'https://broker.example.com',
    DATABASE_URL: 'postgresql://broker:db-password@db/broker',
    KEY_RING_FILE: write('ring.json', generateKeyRing(new Date())),
    GOOGLE_CLIENT_SECRETS: write('client.json', clientJson('web')),
  };
});

function faultsOf(changes: Record<string, string | undefined>): string[] {
  try {
    readConfiguration({ ...good, ...changes });
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return [...error.faults];
    throw error;
  }
}

describe('the configuration', () => {
  test('is valid with the five settings of production', () => {
    const settings: Settings = readConfiguration(good);
    expect(settings).toMatchObject({
      production: true,
      port: 3000,
      redirectUri: 'https://broker.example.com/callback',
    });
    expect(settings.clients.all().map(({ alias }) => alias)).toEqual(['default']);
    expect(Object.isFrozen(settings)).toBe(true);
    expect(JSON.stringify(settings)).not.toContain('password');
  });

  test('can have several clients, each with its alias', () => {
    const ads = write('ads.json', clientJson('web', { client_id: 'ads', project_id: 'other' }));
    const settings = readConfiguration({
      ...good,
      GOOGLE_CLIENT_SECRETS: `default=${good['GOOGLE_CLIENT_SECRETS'] ?? ''},ads=${ads}`,
    });
    expect(settings.clients.all().map(({ alias }) => alias)).toEqual(['default', 'ads']);
    expect(settings.clients.ofProject('project')).toEqual(['default']);
  });

  test('can have DATABASE_URL in a file', () => {
    const path = write('database-url', `${good['DATABASE_URL'] ?? ''}\n`);
    const settings = readConfiguration({ ...good, DATABASE_URL: undefined, DATABASE_URL_FILE: path });
    expect(settings.databaseUrl.reveal()).toBe(good['DATABASE_URL']);
    expect(faultsOf({ DATABASE_URL_FILE: path })).toEqual([
      'DATABASE_URL and DATABASE_URL_FILE are both set: keep one',
    ]);
    expect(faultsOf({ DATABASE_URL: undefined, DATABASE_URL_FILE: '/nowhere' })).toEqual([
      'DATABASE_URL_FILE names a file that cannot be read',
      'DATABASE_URL is not set',
    ]);
  });

  test('takes WORKERS=auto for one worker for each processor, and for 256 at most', () => {
    const workers = Math.min(availableParallelism(), 256);
    expect(readConfiguration({ ...good, WORKERS: 'auto' }).workers).toBe(workers);
    expect(readConfiguration({ ...good, WORKERS: '3' }).workers).toBe(3);
    expect(faultsOf({ WORKERS: '257' })).toHaveLength(1);
  });

  test('names all faults at once, without their values', () => {
    const faults = faultsOf({
      PORT: '70000',
      PUBLIC_URL: 'http://broker.example.com',
      DATABASE_URL: 'mysql://root:hunter2@db',
      KEY_RING_FILE: write('not-a-ring', 'key material'),
      GOOGLE_CLIENT_SECRETS: write('not-a-client', '{"web":{"client_secret":"GOCSPX-very-secret"}}'),
      GOOGLE_STAND_IN_URL: 'http://localhost:3001',
      LOG_LEVEL: 'loud',
    });
    const names = [
      'PORT',
      'PUBLIC_URL',
      'DATABASE_URL',
      'KEY_RING_FILE',
      'GOOGLE_CLIENT_SECRETS',
      'GOOGLE_STAND_IN_URL',
      'LOG_LEVEL',
    ];
    for (const name of names) expect(faults.filter((fault) => fault.startsWith(name))).toHaveLength(1);
    const text = faults.join('\n');
    for (const value of ['70000', 'hunter2', 'key material', 'GOCSPX', 'localhost:3001', 'loud']) {
      expect(text).not.toContain(value);
    }
  });

  test('has traces where a variable of OpenTelemetry asks for them, and nothing of theirs stops a start without them', () => {
    const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
    const grpc = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' };
    const traced = (changes: Record<string, string>) => readConfiguration({ ...good, ...changes }).tracing;
    expect(traced({})).toBeNull();
    expect(traced({ OTEL_SERVICE_NAME: 'broker-eu', ...grpc })).toBeNull();
    expect(traced({ ...collector, OTEL_TRACES_EXPORTER: 'none' })).toBeNull();
    expect(traced({ ...collector, OTEL_SDK_DISABLED: 'true' })).toBeNull();
    expect(traced({ OTEL_TRACES_EXPORTER: 'otlp' })).toMatchObject({ serviceName: 'token-broker', ratio: 1 });
    expect(
      traced({ ...collector, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' }),
    ).toEqual({ serviceName: 'token-broker', sampler: 'traceidratio', ratio: 0.25 });
    expect(faultsOf({ ...collector, ...grpc })).toEqual([
      expect.stringContaining('OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf'),
    ]);
    expect(faultsOf({ OTEL_TRACES_EXPORTER: 'zipkin', OTEL_TRACES_SAMPLER_ARG: '2' })).toHaveLength(2);
  });

  test('names every required setting when nothing is set', () => {
    const missing = {
      PUBLIC_URL: undefined,
      DATABASE_URL: undefined,
      KEY_RING_FILE: '',
      GOOGLE_CLIENT_SECRETS: '',
    };
    expect(faultsOf(missing).sort()).toEqual([
      'DATABASE_URL is not set',
      'GOOGLE_CLIENT_SECRETS is not set',
      'KEY_RING_FILE is not set',
      'PUBLIC_URL is not set',
    ]);
  });

  test.each([
    ['a service account key', '{"type":"service_account","private_key":"x"}', 'is a service account key'],
    ['no JSON', 'GOCSPX-very-secret', 'is not JSON'],
    ['neither web nor installed', '{}', 'neither "web" nor "installed"'],
    ['without a secret', '{"web":{"client_id":"x"}}', 'lacks client_secret'],
    [
      'with another redirect URI',
      clientJson('web', { redirect_uris: ['https://broker.example.com/callback/'] }),
      'does not list PUBLIC_URL + /callback',
    ],
    [
      'installed, outside localhost',
      clientJson('installed', { redirect_uris: ['http://localhost'] }),
      'works on localhost only',
    ],
  ])('refuses a client JSON that is %s', (_, content, fault) => {
    const faults = faultsOf({ GOOGLE_CLIENT_SECRETS: write('faulty.json', content) });
    expect(faults).toEqual([expect.stringContaining(fault)]);
    expect(faults.join()).not.toContain('GOCSPX');
  });

  test.each([
    ['https://*.example.com', 'no-wildcard'],
    ['https://203.0.113.7', 'no-raw-ip'],
    ['https://broker.internal', 'public-suffix'],
    ['https://bit.ly', 'no-url-shortener'],
    ['https://alice:hunter2@broker.example.com', 'no-userinfo'],
    ['http://broker.example.com', 'https'],
  ])('is refused where the callback of PUBLIC_URL %s breaks the rule %s of Google', (publicUrl, rule) => {
    for (const mode of ['production', 'development']) {
      const faults = faultsOf({
        NODE_ENV: mode,
        PUBLIC_URL: publicUrl,
        GOOGLE_CLIENT_SECRETS: write('silent.json', clientJson('web', { redirect_uris: [] })),
      });
      expect(faults).toEqual([expect.stringMatching(`^PUBLIC_URL \\+ /callback breaks the rule ${rule}: `)]);
      expect(faults.join()).not.toContain('hunter2');
    }
  });

  test.each([
    ['PUBLIC_URL', 'https://broker.example.com:99999'],
    ['RETURN_TO_ORIGINS', 'https://one.example.com,https://app.example.com:99999'],
    ['ADMIN_URL', 'https://admin.example.com:99999'],
    ['TOKEN_BROKER_URL', 'http://[::1'],
    ['CELL_PEERS', 'http://broker-us1.internal:99999'],
    ['CONSOLE_ISSUER', 'https://login.example.com:99999'],
    ['GOOGLE_STAND_IN_URL', 'http://256.1.1.1:3001'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://256.1.1.1:4318'],
    ['HTTPS_PROXY', 'http://proxy.example.com:99999'],
  ])('has a fault that names %s where it is the address %s, which no URL has', (name, value) => {
    const faults = faultsOf({ NODE_ENV: 'development', [name]: value });
    expect(faults).toContainEqual(expect.stringMatching(`^${name} must be `));
    expect(faults.join()).not.toContain(value);
  });

  test.each(['http://localhost:3000', 'http://127.0.0.1:3000', 'http://[::1]:3000'])(
    'accepts the loopback address %s, which keeps the rules',
    (publicUrl) => {
      const path = write('local.json', clientJson('web', { redirect_uris: [`${publicUrl}/callback`] }));
      expect(faultsOf({ PUBLIC_URL: publicUrl, GOOGLE_CLIENT_SECRETS: path })).toEqual([]);
    },
  );

  test("must keep the rules in every redirect URI that a client lists, not only in the broker's", () => {
    const own = 'https://broker.example.com/callback';
    const others = ['https://alice:hunter2@a.example.com/', 'http://a.example.com/#\u001b[2J'];
    const faults = faultsOf({
      PUBLIC_URL: undefined,
      GOOGLE_CLIENT_SECRETS: `ads=${write('others.json', clientJson('web', { redirect_uris: [own, ...others] }))}`,
    });
    const uri = 'client ads: its redirect URI http://a.example.com/#\\u{1b}[2J';
    expect(faults).toEqual([
      'PUBLIC_URL is not set',
      'client ads: its redirect URI https://[hidden]@a.example.com/ breaks the rule no-userinfo: ' +
        'a redirect URI has no user name or password before its host',
      expect.stringContaining(`${uri} breaks the rule https: `),
      expect.stringContaining(`${uri} breaks the rule no-fragment: `),
      expect.stringContaining(`${uri} breaks the rule printable-ascii: `),
    ]);
  });

  test.each([
    ['https://broker.example.com/callback/', 'trailing slash'],
    ['https://broker.example.com/Callback', 'case'],
  ])('says of the similar %s in a list what differs, the %s', (listed, differsIn) => {
    const path = write('near.json', clientJson('web', { redirect_uris: [listed] }));
    expect(faultsOf({ GOOGLE_CLIENT_SECRETS: path })).toEqual([
      expect.stringContaining(`${listed} is listed, which differs in the ${differsIn}`),
    ]);
  });

  test('refuses an alias twice, or malformed, and a missing file', () => {
    const path = good['GOOGLE_CLIENT_SECRETS'] ?? '';
    const faults = faultsOf({ GOOGLE_CLIENT_SECRETS: `a=${path},a=${path},B=${path},c=/nowhere` });
    expect(faults).toEqual([
      expect.stringContaining('the alias a is used twice'),
      expect.stringContaining('must be 1 to 40 lower-case letters'),
      expect.stringContaining('/nowhere cannot be read (ENOENT)'),
    ]);
  });

  describe('SERVICE_ISSUERS_FILE', () => {
    const audience = 'https://broker.example.com';
    const key = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: '1' };
    const LONG_RSA_KEY = { kty: 'RSA', n: 'A'.repeat(1367), e: 'AQAB', kid: '2' };
    const issuersOf = (content: unknown) =>
      readConfiguration({ ...good, SERVICE_ISSUERS_FILE: write('issuers.json', JSON.stringify(content)) })
        .serviceIssuers;
    const issuerFaults = (content: unknown) =>
      faultsOf({ SERVICE_ISSUERS_FILE: write('issuers.json', JSON.stringify(content)) });

    test('takes issuers with discovery, keys by address or in a file, and trust domains', () => {
      const path = write('bundle.json', JSON.stringify({ keys: [key] }));
      expect(
        issuersOf([
          { issuer: 'https://kubernetes.default.svc.cluster.local', audience },
          { issuer: 'http://localhost:8080/path', jwks_uri: 'https://keys.example.com/?a=b', audience },
          { trust_domain: 'example.org', jwks_file: path, audience: 'broker' },
        ]),
      ).toEqual([
        {
          name: 'https://kubernetes.default.svc.cluster.local',
          kind: 'issuer',
          audience,
          keys: { from: 'discovery' },
        },
        {
          name: 'http://localhost:8080/path',
          kind: 'issuer',
          audience,
          keys: { from: 'address', uri: 'https://keys.example.com/?a=b' },
        },
        {
          name: 'spiffe://example.org',
          kind: 'trust-domain',
          audience: 'broker',
          keys: { from: 'file', path },
        },
      ]);
      expect(readConfiguration(good).serviceIssuers).toEqual([]);
    });

    test.each<[unknown, string]>([
      [{ issuer: 'http://issuer.example.com', audience }, 'issuer must be an https URL'],
      [{ issuer: 'accounts.google.com', audience }, 'issuer must be an https URL'],
      [{ issuer: 'https://a:b@issuer.example.com', audience }, 'issuer must be an https URL'],
      [{ issuer: 'https://issuer.example.com?a', audience }, 'issuer must be an https URL'],
      [{ audience }, 'needs either issuer or trust_domain'],
      [
        { issuer: 'https://a.example', trust_domain: 'a.example', audience },
        'needs either issuer or trust_domain',
      ],
      [
        { trust_domain: 'spiffe://a.example', jwks_uri: 'https://a.example', audience },
        'trust_domain must be',
      ],
      [{ trust_domain: 'a.example', audience }, 'needs jwks_uri or jwks_file'],
      [{ issuer: 'https://a.example' }, 'lacks audience'],
      [{ issuer: 'https://a.example', audience: '' }, 'audience is not a text'],
      [{ issuer: 'https://a.example', audience: ['a'] }, 'audience is not a text'],
      [
        { issuer: 'https://a.example', jwks_url: 'https://a.example', audience },
        'the unknown field "jwks_url"',
      ],
      [
        { issuer: 'https://a.example', jwks_uri: 'http://a.example', audience },
        'jwks_uri must be an https URL',
      ],
      [{ issuer: 'https://a.example', jwks_uri: 'https://a', jwks_file: 'b', audience }, 'has both'],
      [{ issuer: 'https://a.example', jwks_file: '/nowhere', audience }, '/nowhere cannot be read (ENOENT)'],
      ['https://a.example', 'is not an object'],
    ])('refuses %j', (entry, fault) => {
      expect(issuerFaults([{ issuer: 'https://good.example', audience }, entry])).toEqual(
        expect.arrayContaining([expect.stringContaining(`SERVICE_ISSUERS_FILE entry 2: `)]),
      );
      expect(issuerFaults([entry]).join()).toContain(fault);
    });

    test.each<[string, unknown, string]>([
      ['a private key', { keys: [{ ...key, d: 'hunter2' }] }, 'holds a secret key'],
      ['a shared secret', { keys: [{ kty: 'oct', k: 'hunter2' }] }, 'holds a secret key'],
      ['no key', { keys: [] }, 'has no list of "keys"'],
      ['something else', { keys: ['hunter2'] }, 'is not a public key'],
      ['more keys than an address may have', { keys: Array(101).fill(key) }, 'has more than 100 keys'],
      ['no RSA key that is short enough', { keys: [LONG_RSA_KEY] }, 'has no usable key'],
    ])('refuses a key file with %s', (_, content, fault) => {
      const path = write('keys.json', JSON.stringify(content));
      const faults = issuerFaults([{ issuer: 'https://a.example', jwks_file: path, audience }]);
      expect(faults).toEqual([expect.stringContaining(fault)]);
      expect(faults.join()).not.toContain('hunter2');
    });

    test('names all faults of all entries at once, a repeated issuer, and a faulty file itself', () => {
      const twice = { issuer: 'https://a.example', audience };
      expect(issuerFaults([twice, { issuer: 'http://b.example', x: 1 }, {}, twice])).toEqual([
        expect.stringMatching(/entry 2: has the unknown field "x"$/),
        expect.stringMatching(/entry 2: issuer must be/),
        expect.stringMatching(/entry 2: lacks audience/),
        expect.stringMatching(/entry 3: needs either/),
        expect.stringMatching(/entry 3: lacks audience/),
        expect.stringMatching(/entry 4: its issuer has an entry already$/),
      ]);
      expect(issuerFaults({})).toEqual(['SERVICE_ISSUERS_FILE is not a list of issuers']);
      expect(faultsOf({ SERVICE_ISSUERS_FILE: write('x', '{') })).toEqual([
        'SERVICE_ISSUERS_FILE is not JSON',
      ]);
      expect(faultsOf({ SERVICE_ISSUERS_FILE: '/nowhere' })).toEqual([
        'SERVICE_ISSUERS_FILE cannot be read (ENOENT)',
      ]);
    });
  });

  describe('the configuration of production', () => {
    test('refuses the key ring and the client of the trial mode', () => {
      mkdirSync(join(folder, 'data/trial'), { recursive: true, mode: 0o700 });
      const ring = write('data/trial/key-ring.json', generateKeyRing(new Date()));
      const client = write('data/trial/client.json', clientJson('web'));
      const faults = faultsOf({ KEY_RING_FILE: ring, GOOGLE_CLIENT_SECRETS: client });
      expect(faults).toEqual([
        expect.stringMatching(/^KEY_RING_FILE is the key ring of the trial mode/),
        expect.stringMatching(/^GOOGLE_CLIENT_SECRETS names the client of the trial mode/),
      ]);
      expect(
        faultsOf({ NODE_ENV: 'development', KEY_RING_FILE: ring, GOOGLE_CLIENT_SECRETS: client }),
      ).toEqual([]);
    });

    test('refuses a key ring that every user can read', () => {
      const ring = write('open-ring.json', generateKeyRing(new Date()));
      chmodSync(ring, 0o644);
      expect(faultsOf({ KEY_RING_FILE: ring })).toEqual([
        expect.stringContaining('can be read by every user'),
      ]);
    });

    test('refuses a client_secret file and its folder that every user can read, with the command that closes them', () => {
      mkdirSync(join(folder, 'open'));
      const [ours, ads] = ['open/client.json', 'open/ads.json'].map((name) => write(name, clientJson('web')));
      const clients = { GOOGLE_CLIENT_SECRETS: `default=${ours ?? ''},ads=${ads ?? ''}` };
      chmodSync(join(folder, 'open'), 0o755);
      chmodSync(ads ?? '', 0o644);
      const [file, folderOfBoth, ...others] = faultsOf(clients);
      expect(others).toEqual([]);
      expect(file).toBe(
        `GOOGLE_CLIENT_SECRETS: ${ads ?? ''} can be read by every user of this machine: chmod 600 ${ads ?? ''}`,
      );
      expect(folderOfBoth).toMatch(/^GOOGLE_CLIENT_SECRETS: the folder .*: chmod 700 .*\/open$/);
      expect(faultsOf({ ...clients, NODE_ENV: 'development' })).toEqual([]);
      for (const fault of [file, folderOfBoth]) {
        const [command, mode, path] = fault?.split(': ').at(-1)?.split(' ') ?? [];
        expect(command).toBe('chmod');
        chmodSync(path ?? '', Number.parseInt(mode ?? '', 8));
      }
      expect(faultsOf(clients)).toEqual([]);
    });

    test.each([
      ['KEY_RING_FILE', 0o602, 0o700, ['ring']],
      ['KEY_RING_FILE', 0o600, 0o703, ['the folder']],
      ['KEY_RING_FILE', 0o640, 0o755, []],
      ['KEY_RING_FILE', 0o640, 0o1777, []],
      ['GOOGLE_CLIENT_SECRETS', 0o602, 0o700, ['client']],
      ['GOOGLE_CLIENT_SECRETS', 0o600, 0o702, ['the folder']],
      ['GOOGLE_CLIENT_SECRETS', 0o600, 0o700, []],
    ])(
      'refuses a file of %s with mode %o in a folder of mode %o that others can change or replace',
      (name, ofFile, ofFolder, open) => {
        mkdirSync(join(folder, 'changed'), { recursive: true });
        chmodSync(join(folder, 'changed'), 0o700);
        const isRing = name === 'KEY_RING_FILE';
        const path = write(
          isRing ? 'changed/ring.json' : 'changed/client.json',
          isRing ? generateKeyRing(new Date()) : clientJson('web'),
        );
        chmodSync(path, ofFile);
        chmodSync(join(folder, 'changed'), ofFolder);
        const faults = faultsOf({ [name]: path });
        expect(faults).toEqual(
          open.map((what) =>
            expect.stringMatching(new RegExp(`^${name}: .*${what}.* can be changed by every user`)),
          ),
        );
        const [command, mode, at] = faults[0]?.split(': ').at(-1)?.split(' ') ?? [];
        if (command === 'chmod') chmodSync(at ?? '', Number.parseInt(mode ?? '', 8));
        expect(faultsOf({ [name]: path })).toEqual([]);
      },
    );

    test('refuses a file of issuers, or of their keys, that every user can change, and not one that they can read', () => {
      mkdirSync(join(folder, 'issuers'), { mode: 0o755 });
      const keys = write(
        'issuers/keys.json',
        JSON.stringify({ keys: [generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })] }),
      );
      const issuer = { issuer: 'https://issuer.example.com', jwks_file: keys, audience: 'broker' };
      const issuers = write('issuers/issuers.json', JSON.stringify([issuer]));
      const faults = () => faultsOf({ SERVICE_ISSUERS_FILE: issuers });
      for (const path of [keys, issuers]) chmodSync(path, 0o644);
      expect(faults()).toEqual([]);
      for (const path of [keys, issuers]) {
        chmodSync(path, 0o646);
        expect(faults()).toEqual([
          `SERVICE_ISSUERS_FILE: ${path} can be changed by every user of this machine: chmod o-w ${path}`,
        ]);
        chmodSync(path, 0o644);
      }
      chmodSync(join(folder, 'issuers'), 0o757);
      expect(faults()).toEqual([expect.stringContaining('the folder')]);
    });

    test('refuses NODE_TLS_REJECT_UNAUTHORIZED=0, by which no certificate would be verified', () => {
      expect(faultsOf({ NODE_TLS_REJECT_UNAUTHORIZED: '0' })).toEqual([
        expect.stringContaining('NODE_EXTRA_CA_CERTS'),
      ]);
      expect(faultsOf({ NODE_TLS_REJECT_UNAUTHORIZED: '1' })).toEqual([]);
      expect(faultsOf({ NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_ENV: 'development' })).toEqual([]);
    });

    test('lets the group read a client_secret file', () => {
      const client = write('group.json', clientJson('web'));
      chmodSync(client, 0o640);
      expect(faultsOf({ GOOGLE_CLIENT_SECRETS: client })).toEqual([]);
    });
  });

  test.each([
    ['foo', 1],
    ['10.0.0.0/33', 1],
    ['10.0.0.0/x', 1],
    ['10.0.0.0/8/8', 1],
    ['2001:db8::/129', 1],
    ['10.0.0.1, foo', 1],
    ['10.0.0.0/8', 0],
    ['10.0.0.1, 2001:db8::/64, ::1', 0],
    ['loopback,uniquelocal', 0],
  ])('names in TRUSTED_PROXIES=%s as many as %i faults', (value, count) => {
    const faults = faultsOf({ TRUSTED_PROXIES: value });
    expect(faults).toHaveLength(count);
    for (const fault of faults)
      expect(fault).toBe('TRUSTED_PROXIES must be addresses or ranges such as 10.0.0.0/8, comma separated');
  });

  test('refuses a misspelt NODE_ENV, which would turn the rules of production off', () => {
    expect(faultsOf({ NODE_ENV: 'prod' })).toEqual(['NODE_ENV must be production, development or test']);
  });

  test.each(
    fewOf(
      [
        ['a port that is taken', { HOST: '127.0.0.1' }, /^ +- HOST and PORT: .*\(EADDRINUSE\)/m],
        ['an unknown host', { HOST: 'host.invalid' }, /^ +- HOST and PORT: .*\(E\w+\)/m],
      ],
      1,
    ),
  )(
    'makes the process exit with 78 for %s, naming the setting and printing no stack',
    async (_, changes, said) => {
      const taken = createServer().listen(0, '127.0.0.1');
      await once(taken, 'listening');
      const child = spawn(process.execPath, ['dist/bundle/main.js'], {
        env: {
          PATH: process.env['PATH'],
          ...good,
          DATABASE_URL: await createDatabase(),
          LOG_LEVEL: 'silent',
          PORT: String((taken.address() as AddressInfo).port),
          ...changes,
        },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
      const [status] = (await once(child, 'exit')) as [number];
      taken.close();
      expect({ status, stderr }).toMatchObject({ status: 78, stderr: expect.stringMatching(said) });
      expect(stderr).not.toMatch(/\n\s+at /);
      expect(stderr).not.toContain('host.invalid');
    },
  );

  test('makes the process name all faults, exit with 78, and print no stack', () => {
    const { status, stderr } = spawnSync(process.execPath, ['dist/bundle/main.js'], {
      env: { PATH: process.env['PATH'], NODE_ENV: 'production', PORT: 'x' },
      encoding: 'utf8',
    });
    expect(status).toBe(78);
    expect(stderr).toContain('The configuration has 5 faults');
    expect(stderr).toContain('PUBLIC_URL is not set');
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});
