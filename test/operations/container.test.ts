/** What can be held of the Dockerfile and docker-compose.yml without a container engine. */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { parse } from 'yaml';
import { SETTING_NAMES } from '../../src/config/environment.js';

const settings: readonly string[] = SETTING_NAMES;

describe('the Dockerfile', () => {
  const instructions = readFileSync('Dockerfile', 'utf8')
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', args = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
      return { name, args };
    });
  const stages = instructions.flatMap(({ name }, index) => (name === 'FROM' ? [index] : []));
  const last = instructions.slice(stages.at(-1));
  const inLast = (name: string) => last.filter((one) => one.name === name).map(({ args }) => args);

  test('is understood by this test', () => {
    expect(instructions.filter(({ name }) => name === '')).toEqual([]);
    expect(stages.length).toBeGreaterThan(1);
  });

  test('builds and runs on one major version of Node, the one that the project runs on, by digest', () => {
    const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      devDependencies: { node: string };
    };
    const major = /\d+/.exec(devDependencies.node)?.[0] ?? '';
    const images = stages.map((at) => instructions[at]?.args.replace('--platform=$BUILDPLATFORM ', ''));
    const runtime = images.pop();
    for (const image of images) {
      expect(image).toMatch(new RegExp(`^node:${major}-trixie-slim@sha256:[0-9a-f]{64} AS \\w+$`));
    }
    // No shell, no npm, no compiler: https://github.com/GoogleContainerTools/distroless
    expect(runtime).toMatch(
      new RegExp(`^gcr.io/distroless/nodejs${major}-debian13:nonroot@sha256:[0-9a-f]{64}$`),
    );
    // The base has Node.js as its entrypoint, and not on its PATH.
    expect(inLast('ENTRYPOINT')).toEqual(['[]']);
    expect(inLast('ENV')[0]).toBe('PATH=/nodejs/bin');
  });

  test('runs as a user who is not root, and cannot change what it runs', () => {
    // By number: Kubernetes cannot know of a name that it is not root.
    expect(inLast('USER')).toEqual(['65532:65532']);
    expect(inLast('COPY').join('\n')).not.toContain('--chown');
    expect(inLast('RUN')).toEqual([]);
  });

  test('holds compiled code, production dependencies and migrations, and nothing else', () => {
    expect(inLast('COPY').map((copy) => copy.replace(/^--from=\w+ \/app\//, ''))).toEqual([
      'node_modules ./node_modules',
      'package.json ./',
      'prisma/migrations ./prisma/migrations',
      'dist/bundle ./dist/bundle',
    ]);
    expect(instructions.filter(({ args }) => /npm ci .*--omit=dev --omit=optional/.test(args))).toHaveLength(
      1,
    );
  });

  test('is production, starts the broker without a shell, and checks its health', () => {
    expect(inLast('ENV').join()).toMatch(/NODE_ENV=production\b/);
    expect(inLast('CMD')).toEqual([
      '["node", "--max-semi-space-size=64", "--heap-growing-percent=100", "--expose-gc", "--disable-sigusr1", "dist/bundle/main.js"]',
    ]);
    const [check = ''] = inLast('HEALTHCHECK');
    const command = JSON.parse(check.replace(/^.*?CMD /, '')) as string[];
    expect(command.slice(0, 2)).toEqual(['node', '-e']);
    expect(command[2]).toContain('/health/live');
  });

  test('names no setting that does not exist, and gives none a secret', () => {
    const names = [
      ...inLast('ENV')
        .join(' ')
        .matchAll(/([A-Z_]+)=/g),
    ].map(([, name]) => name);
    // MALLOC_* are glibc's.
    for (const name of names.filter((name = '') => !name.startsWith('MALLOC_') && name !== 'PATH'))
      expect(settings).toContain(name);
    expect(names).not.toContain('DATABASE_URL');
  });

  test('has a context that leaves out what is not named', () => {
    const lines = readFileSync('.dockerignore', 'utf8').split('\n');
    expect(lines.find((line) => line !== '' && !line.startsWith('#'))).toBe('*');
    for (const path of ['!sandbox', '!test', '!secrets', '!data', '!.env']) expect(lines).not.toContain(path);
  });
});

interface Service {
  image: string;
  build?: string;
  command?: string[];
  restart: string;
  read_only: boolean;
  cap_drop: string[];
  cap_add?: string[];
  security_opt: string[];
  environment: Record<string, string>;
  secrets: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test?: string[]; disable?: boolean };
  volumes?: string[];
  ports?: string[];
  networks: string[];
  user?: string;
  mem_limit: string;
  cpus: number;
  pids_limit: number;
  logging: { driver: string; options: Record<string, string> };
}

interface Compose {
  services: Record<'broker' | 'migrate' | 'roles' | 'database', Service>;
  secrets: Record<string, { file: string }>;
  networks: Record<string, { internal?: boolean } | null>;
  volumes: Record<string, unknown>;
}

describe('docker-compose.yml', () => {
  const compose = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as Compose;
  const { broker, migrate, roles, database } = compose.services;
  const services = Object.entries(compose.services);

  test.each(services)('gives %s only the privileges that it needs', (_, service) => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    expect(service).not.toHaveProperty('privileged');
    if (service !== database) expect(service).not.toHaveProperty('cap_add');
  });

  test.each(services)('names the version of %s', (_, { image, build }) => {
    expect(image).toMatch(build === undefined ? /^[a-z/]+:\d+@sha256:[0-9a-f]{64}$/ : /^token-broker:local$/);
  });

  test.each(services)('bounds what %s may use of the machine, and its log', (_, service) => {
    expect(service.mem_limit).toMatch(/^\d+[mg]$/);
    expect(service.cpus).toBeGreaterThan(0);
    expect(service.pids_limit).toBeGreaterThan(0);
    expect(service.logging).toEqual({ driver: 'json-file', options: { 'max-size': '10m', 'max-file': '5' } });
  });

  test('makes the broker wait for a healthy database and finished migrations', () => {
    expect(broker.depends_on).toEqual({
      database: { condition: 'service_healthy' },
      migrate: { condition: 'service_completed_successfully' },
    });
    expect(database.healthcheck?.test).toEqual(expect.arrayContaining(['pg_isready', '--host=127.0.0.1']));
    expect(migrate.command).toEqual([
      'node',
      'dist/bundle/cli/main.js',
      'migrate',
      '--grant-runtime',
      'token_broker',
    ]);
    expect(migrate.depends_on?.['roles']).toEqual({ condition: 'service_completed_successfully' });
    expect([broker.restart, migrate.restart]).toEqual(['unless-stopped', 'no']);
  });

  test('names only settings that exist, and gives none a secret as its value', () => {
    for (const [name, value] of Object.entries({ ...broker.environment, ...migrate.environment })) {
      expect([...settings, 'DATABASE_URL_FILE']).toContain(name);
      expect(value).toMatch(/^(\w+=)?\/run\/secrets\/\w+$|^\$\{\w+:[-?][^}]*\}$/);
    }
    expect(database.environment).toHaveProperty('POSTGRES_PASSWORD_FILE');
    expect(database.environment).not.toHaveProperty('POSTGRES_PASSWORD');
  });

  test('runs the broker and migrate as two roles, and neither knows the password of the superuser', () => {
    expect(roles.image).toBe(database.image);
    expect([broker.environment['DATABASE_URL_FILE'], migrate.environment['DATABASE_URL_FILE']]).toEqual([
      '/run/secrets/database_url',
      '/run/secrets/owner_database_url',
    ]);
    for (const { secrets } of [broker, migrate]) expect(secrets).not.toContain('database_password');
    expect(broker.secrets).not.toContain('owner_database_url');
    const sql = readFileSync('deploy/roles.sql', 'utf8');
    for (const role of ['token_broker_owner', 'token_broker']) {
      expect(sql).toMatch(
        new RegExp(`ALTER ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS`),
      );
    }
    const made = readFileSync('docs/operations.md', 'utf8');
    // What may read its files is the user of the image.
    expect(roles.user).toBe('65532:65532');
    expect(made).toContain('chown 65532:65532');
    expect(made).toContain('postgresql://token_broker:%s@database');
    expect(made).toContain('postgresql://token_broker_owner:%s@database');
  });

  test('requires PUBLIC_URL, and has no stand-in and no other mode', () => {
    expect(broker.environment['PUBLIC_URL']).toMatch(/^\$\{PUBLIC_URL:\?/);
    expect(broker.environment).not.toHaveProperty('GOOGLE_STAND_IN_URL');
    expect(broker.environment).not.toHaveProperty('NODE_ENV');
  });

  test('has the pages of operators on a port of their own, which is not the one that a proxy publishes', () => {
    const port = broker.environment['ADMIN_PORT'] ?? '';
    expect(port).toMatch(/^\$\{ADMIN_PORT:-\d+\}$/);
    expect(broker.ports).toContain(`127.0.0.1:${port}:${port}`);
    expect(broker.environment).toHaveProperty('ADMIN_URL');
    expect(broker.environment['CONSOLE_OPERATORS']).toBe('${CONSOLE_OPERATORS:-}');
  });

  test.each(services)('gives %s the secrets that it names, as files outside of git', (_, service) => {
    const values = JSON.stringify(service.environment);
    const used = [...values.matchAll(/\/run\/secrets\/(\w+)/g)].map(([, name]) => name ?? '');
    expect(used.sort()).toEqual([...service.secrets].sort());
    const ignored = readFileSync('.gitignore', 'utf8').split('\n');
    for (const name of service.secrets) expect(compose.secrets[name]?.file).toMatch(/^\.\/secrets\//);
    expect(ignored).toContain('secrets/');
  });

  test('exposes the broker alone, to this machine, and the database keeps its data and reaches nothing outside', () => {
    expect(broker.ports).toHaveLength(2);
    for (const port of broker.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    expect([migrate.ports, roles.ports, database.ports]).toEqual([undefined, undefined, undefined]);
    expect(database.networks.map((name) => compose.networks[name]?.internal)).toEqual([true]);
    // The data folder moved up in the image of PostgreSQL 18.
    expect(database.volumes).toEqual(['database:/var/lib/postgresql']);
    expect(compose.volumes).toHaveProperty('database');
  });
});

const PSQL = ['psql', '/usr/lib/postgresql/15/bin/psql'].find(
  (path) => spawnSync(path, ['--version']).status === 0,
);
const withPsql = PSQL === undefined ? test.skip : test;

withPsql('deploy/roles.sql makes both roles, and can run again (skipped without psql)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-roles-'));
  const file = (name: string) => {
    const path = join(folder, name);
    writeFileSync(path, `it's "${name}"`, { mode: 0o600 });
    return path;
  };
  const admin = new pg.Client({ connectionString: `${process.env['TEST_POSTGRES_URL'] ?? ''}postgres` });
  await admin.connect();
  const database = `compose_${randomUUID().slice(0, 8)}`;
  await admin.query(`CREATE DATABASE ${database}`);
  const env = {
    OWNER_PASSWORD_FILE: file('owner'),
    RUNTIME_PASSWORD_FILE: file('runtime'),
    PATH: '/usr/bin:/bin',
  };
  const url = `${process.env['TEST_POSTGRES_URL'] ?? ''}${database}`;
  for (let run = 0; run < 2; run++) {
    const psql = spawnSync(PSQL ?? '', ['--quiet', '--no-psqlrc', '--file=deploy/roles.sql', url], { env });
    expect({ status: psql.status, said: psql.stderr.toString() }).toEqual({ status: 0, said: '' });
  }
  const as = new URL(url);
  [as.username, as.password] = ['token_broker_owner', `it's "owner"`];
  const owner = new pg.Client({ connectionString: as.href });
  await owner.connect();
  const { rows } = await owner.query(
    `SELECT rolname::text AS name, rolsuper FROM pg_roles WHERE rolname IN ('token_broker', 'token_broker_owner') ORDER BY 1`,
  );
  expect(rows).toEqual([
    { name: 'token_broker', rolsuper: false },
    { name: 'token_broker_owner', rolsuper: false },
  ]);
  await owner.query('CREATE TABLE mine (id int)');
  await owner.end();
  await admin.query(`DROP DATABASE ${database}`);
  await admin.query('DROP ROLE token_broker, token_broker_owner');
  await admin.end();
});
