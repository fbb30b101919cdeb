/** What can be held of the Dockerfile and docker-compose.yml without a container engine. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { getMetadataStorage } from 'class-validator';
import { parse } from 'yaml';
import { Environment } from '../src/config/environment.js';

const settings = getMetadataStorage()
  .getTargetValidationMetadatas(Environment, '', true, false)
  .map(({ propertyName }) => propertyName);

describe('the Dockerfile', () => {
  const instructions = readFileSync('Dockerfile', 'utf8')
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
      return { name, rest };
    });
  const stages = instructions.flatMap(({ name }, index) => (name === 'FROM' ? [index] : []));
  const last = instructions.slice(stages.at(-1));
  const inLast = (name: string) => last.filter((one) => one.name === name).map(({ rest }) => rest);

  test('is understood by this test', () => {
    expect(instructions.filter(({ name }) => name === '')).toEqual([]);
    expect(stages.length).toBeGreaterThan(1);
  });

  test('builds on one major version of Node, the one that the project runs on', () => {
    const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      devDependencies: { node: string };
    };
    const major = /\d+/.exec(devDependencies.node)?.[0] ?? '';
    for (const at of stages) expect(instructions[at]?.rest).toMatch(new RegExp(`^node:${major}-slim( |$)`));
  });

  test('runs as a user who is not root, and cannot change what it runs', () => {
    expect(inLast('USER')).toEqual(['node']);
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
    expect(instructions.filter(({ rest }) => /npm ci .*--omit=dev --omit=optional/.test(rest))).toHaveLength(
      1,
    );
  });

  test('is production, starts the broker without a shell, and checks its health', () => {
    expect(inLast('ENV').join()).toMatch(/NODE_ENV=production\b/);
    expect(inLast('CMD')).toEqual([
      '["node", "--max-semi-space-size=64", "--expose-gc", "--disable-sigusr1", "dist/bundle/main.js"]',
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
    for (const name of names) expect(settings).toContain(name);
    expect(names).not.toContain('DATABASE_URL');
  });

  test('its context leaves out what is not named', () => {
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
}

interface Compose {
  services: Record<'broker' | 'migrate' | 'database', Service>;
  secrets: Record<string, { file: string }>;
  networks: Record<string, { internal?: boolean } | null>;
  volumes: Record<string, unknown>;
}

describe('docker-compose.yml', () => {
  const compose = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as Compose;
  const { broker, migrate, database } = compose.services;
  const services = Object.entries(compose.services);

  test.each(services)('%s can do no more than it must', (_, service) => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    expect(service).not.toHaveProperty('privileged');
    if (service !== database) expect(service).not.toHaveProperty('cap_add');
  });

  test.each(services)('%s names its version', (_, { image, build }) => {
    expect(image).toMatch(build === undefined ? /^[a-z/]+:\d+/ : /^token-broker:local$/);
  });

  test('the broker waits for a healthy database and finished migrations', () => {
    expect(broker.depends_on).toEqual({
      database: { condition: 'service_healthy' },
      migrate: { condition: 'service_completed_successfully' },
    });
    expect(database.healthcheck?.test).toEqual(expect.arrayContaining(['pg_isready', '--host=127.0.0.1']));
    expect(migrate.command).toEqual(['node', 'dist/bundle/cli/main.js', 'migrate']);
    expect([broker.restart, migrate.restart]).toEqual(['unless-stopped', 'no']);
  });

  test('every setting named exists, and none has a secret for a value', () => {
    for (const [name, value] of Object.entries({ ...broker.environment, ...migrate.environment })) {
      expect([...settings, 'DATABASE_URL_FILE']).toContain(name);
      expect(value).toMatch(/^(\w+=)?\/run\/secrets\/\w+$|^\$\{\w+:[-?][^}]*\}$/);
    }
    expect(database.environment).toHaveProperty('POSTGRES_PASSWORD_FILE');
    expect(database.environment).not.toHaveProperty('POSTGRES_PASSWORD');
  });

  test('PUBLIC_URL must be given; no stand-in, no other mode', () => {
    expect(broker.environment['PUBLIC_URL']).toMatch(/^\$\{PUBLIC_URL:\?/);
    expect(broker.environment).not.toHaveProperty('GOOGLE_STAND_IN_URL');
    expect(broker.environment).not.toHaveProperty('NODE_ENV');
  });

  test.each(services)(
    '%s gets the secrets that it names, and they are files outside of git',
    (_, service) => {
      const values = JSON.stringify(service.environment);
      const used = [...values.matchAll(/\/run\/secrets\/(\w+)/g)].map(([, name]) => name ?? '');
      expect(used.sort()).toEqual([...service.secrets].sort());
      const ignored = readFileSync('.gitignore', 'utf8').split('\n');
      for (const name of service.secrets) expect(compose.secrets[name]?.file).toMatch(/^\.\/secrets\//);
      expect(ignored).toContain('secrets/');
    },
  );

  test('only the broker is reachable, from this machine; the database keeps its data and reaches nobody', () => {
    expect(broker.ports).toEqual([expect.stringMatching(/^127\.0\.0\.1:/)]);
    expect([migrate.ports, database.ports]).toEqual([undefined, undefined]);
    expect(database.networks.map((name) => compose.networks[name]?.internal)).toEqual([true]);
    // The data folder moved up in the image of PostgreSQL 18.
    expect(database.volumes).toEqual(['database:/var/lib/postgresql']);
    expect(compose.volumes).toHaveProperty('database');
  });
});
