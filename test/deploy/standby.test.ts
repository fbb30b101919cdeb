/** deploy/compose: a synchronous standby beside the database of docker-compose.yml, run with PostgreSQL's own programs where they are. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { postgresUser } from '../../sandbox/trial/postgres-files.js';
import { freePort } from '../../sandbox/trial/postgres.js';
import { openRetrying } from '../support/standby.js';
import { until } from '../support/until.js';

interface Service {
  readonly image?: string;
  readonly volumes?: string[];
  readonly secrets?: string[];
  readonly environment?: Record<string, string>;
  readonly depends_on?: Record<string, { condition: string }>;
  readonly [key: string]: unknown;
}
interface Compose {
  readonly services: Record<string, Service>;
  readonly secrets: Record<string, { file: string }>;
}

const read = (path: string) => parse(readFileSync(path, 'utf8'), { merge: true }) as Compose;
const FILE = 'deploy/compose/standby.yaml';

describe(FILE, () => {
  const main = read('docker-compose.yml');
  const { services, secrets } = read(FILE);

  test.each(['standby', 'synchronous'])(
    'runs %s with the version, privileges and bounds of the database',
    (name) => {
      const { image, read_only, cap_drop, security_opt, logging, mem_limit, cpus, pids_limit } = services[
        name
      ] as Service;
      const database = main.services['database'] as Service;
      expect({ image, read_only, cap_drop, security_opt, logging }).toEqual({
        image: database.image,
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        logging: database['logging'],
      });
      expect([mem_limit, cpus, pids_limit].every(Boolean)).toBe(true);
      expect(services[name]).not.toHaveProperty('ports');
    },
  );

  test('names files and secrets that exist, and the guide makes the secret', () => {
    for (const { volumes = [], secrets: names = [], environment = {} } of Object.values(services)) {
      for (const [, path = ''] of volumes
        .map((each) => /^(\.\/[^:]+):/.exec(each) ?? [])
        .filter(([all]) => all))
        expect({ path, exists: existsSync(path) }).toEqual({ path, exists: true });
      for (const name of names) expect({ ...main.secrets, ...secrets }).toHaveProperty(name);
      for (const [, name = ''] of JSON.stringify(environment).matchAll(/\/run\/secrets\/(\w+)/g))
        expect(names).toContain(name);
    }
    expect(readFileSync('docs/failover.md', 'utf8')).toContain(
      secrets['replication_password']?.file.replace('./', '> ') ?? 'none',
    );
  });

  test('waits for the standby before it waits for its commits, and migrates last', () => {
    expect(services['standby']?.depends_on).toEqual({
      roles: { condition: 'service_completed_successfully' },
    });
    expect(services['synchronous']?.depends_on).toEqual({ standby: { condition: 'service_healthy' } });
    expect(services['migrate']?.depends_on).toEqual({
      synchronous: { condition: 'service_completed_successfully' },
    });
    expect(services['roles']?.environment?.['PGOPTIONS']).toBe('-c synchronous_commit=local');
  });
});

const HOME = '/usr/lib/postgresql';
const PROGRAMS = existsSync(HOME)
  ? readdirSync(HOME)
      .map((version) => join(HOME, version, 'bin'))
      .findLast((bin) =>
        ['initdb', 'postgres', 'psql', 'pg_basebackup'].every((name) => existsSync(join(bin, name))),
      )
  : undefined;
const withPrograms = PROGRAMS === undefined ? test.skip : test;

withPrograms(
  `a standby is made by these files, is synchronous, and takes over${PROGRAMS === undefined ? ' (skipped: no PostgreSQL server with pg_basebackup installed)' : ''}`,
  async () => {
    const user = postgresUser();
    const folder = mkdtempSync(join(tmpdir(), 'token-broker-standby-'));
    chmodSync(folder, 0o755);
    const path = (name: string) => join(folder, name);
    const file = (name: string, content: string) => {
      writeFileSync(path(name), content, { mode: 0o600 });
      if (user) chownSync(path(name), user.uid, user.gid);
      return path(name);
    };
    for (const name of ['pg_hba.conf', 'replication.sql', 'synchronous.sql', 'standby.sh'])
      copyFileSync(join('deploy/compose', name), path(name));
    for (const name of ['data', 'sockets']) {
      mkdirSync(path(name), { mode: 0o700 });
      if (user) chownSync(path(name), user.uid, user.gid);
    }
    copyFileSync('deploy/roles.sql', path('roles.sql'));
    const [port, standbyPort] = [await freePort(), await freePort()];
    const password = 'replication-secret';
    const env = {
      PATH: `${PROGRAMS ?? ''}:/usr/bin:/bin`,
      LC_ALL: 'C',
      PGHOST: '127.0.0.1',
      PGUSER: 'postgres',
      PGPASSWORD: 'superuser-secret',
      PGDATABASE: 'token_broker',
      OWNER_PASSWORD_FILE: file('owner', 'owner-secret'),
      RUNTIME_PASSWORD_FILE: file('runtime', 'runtime-secret'),
      REPLICATION_PASSWORD_FILE: file('replication', password),
    };
    const options = {
      ...user,
      cwd: '/',
      env,
      stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'],
    };
    const server = (data: string, at: number) =>
      `postgres -D ${data} -p ${at} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${path('sockets')} -c hba_file=${path('pg_hba.conf')} -c fsync=off`;
    const started: ChildProcess[] = [];
    const start = (command: string[], more: Record<string, string> = {}) => {
      const [program = '', ...args] = command;
      const child = spawn(program, args, {
        ...options,
        env: { PATH: env.PATH, LC_ALL: 'C', ...more },
        stdio: 'ignore',
      });
      started.push(child);
      return child;
    };
    const open = (at: number, database = 'token_broker') =>
      openRetrying(`postgresql://postgres:superuser-secret@127.0.0.1:${at}/${database}`);
    const psql = (...files: string[]) =>
      execFileSync('psql', ['--quiet', '--no-psqlrc', ...files.map((name) => `--file=${path(name)}`)], {
        ...options,
        env: { ...env, PGPORT: String(port), PGOPTIONS: '-c synchronous_commit=local' },
      });
    try {
      const initdb = ['-D', path('data/primary'), '-U', 'postgres', '--auth=scram-sha-256'];
      execFileSync('initdb', [...initdb, `--pwfile=${file('superuser', 'superuser-secret')}`], options);
      start(server(path('data/primary'), port).split(' '));
      const admin = await open(port, 'postgres');
      await admin.query('CREATE DATABASE token_broker');
      await admin.end();
      const standby = {
        PGDATA: path('data/standby'),
        PRIMARY_HOST: '127.0.0.1',
        PRIMARY_PORT: String(port),
        PASSFILE: path('data/.pgpass'),
        SERVER: server(path('data/standby'), standbyPort),
        REPLICATION_PASSWORD_FILE: env.REPLICATION_PASSWORD_FILE,
      };
      const primary = await open(port);
      const follows = async (state: string) => {
        const { rows } = await primary.query<{ sync_state: string }>(
          'SELECT sync_state FROM pg_stat_replication',
        );
        return rows.length === 1 && rows[0]?.sync_state === state;
      };
      // Copies as the real one does, but ends the script before it goes on: by CUT, before the file that is copied last.
      mkdirSync(path('bin'));
      writeFileSync(
        path('bin/pg_basebackup'),
        `#!/bin/sh
${PROGRAMS ?? ''}/pg_basebackup "$@" || exit
for each; do case $each in --pgdata=*) data=\${each#--pgdata=} ;; esac; done
if [ "$CUT" ]; then rm "$data/global/pg_control"; fi
kill -9 $PPID
`,
        { mode: 0o755 },
      );
      const interrupt = async (cut: string) => {
        const PATH = `${path('bin')}:${env.PATH}`;
        await once(start(['sh', path('standby.sh')], { ...standby, PATH, CUT: cut }), 'exit');
      };
      // The second one is made while the first one's settings and slot are there, and after copies that were interrupted.
      for (let round = 0; round < 2; round++) {
        psql('roles.sql', 'replication.sql');
        if (round === 1) for (const cut of ['yes', '']) await interrupt(cut);
        const child = start(['sh', path('standby.sh')], standby);
        psql('synchronous.sql');
        await until(() => follows('quorum'));
        if (round === 1) break;
        const ended = once(child, 'exit');
        child.kill('SIGINT');
        await ended;
        rmSync(standby.PGDATA, { recursive: true });
      }
      expect(existsSync(`${standby.PGDATA}.copy`)).toBe(false);
      await primary.query('CREATE TABLE kept (id int)');
      const grep = execFileSync('sh', ['-c', `grep -rl ${password} ${standby.PGDATA} || true`], options);
      expect(grep.toString()).toBe('');

      started[0]?.kill('SIGKILL');
      const promoted = await open(standbyPort);
      await promoted.query('SELECT pg_promote()');
      // It waits for no standby of its own.
      await promoted.query('INSERT INTO kept VALUES (1)');
      await Promise.all([promoted.end(), primary.end()]);
    } finally {
      for (const child of started) {
        const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null;
        child.kill('SIGQUIT');
        await ended;
      }
      rmSync(folder, { recursive: true, force: true });
    }
  },
  60_000,
);

describe('the commands of docs/failover.md', () => {
  const [, section = ''] = readFileSync('docs/failover.md', 'utf8').split('## With Docker Compose');
  const [, commands = ''] = /```sh\n(.*?)```/s.exec(section) ?? [];

  /** As they are written, by a user whose files belong to another; programs only note what they were called with. */
  function run(programs: Record<string, string>): { readonly calls: string; readonly urls: string[] } {
    const folder = mkdtempSync(join(tmpdir(), 'token-broker-failover-'));
    const programsFolder = join(folder, 'bin');
    mkdirSync(programsFolder);
    mkdirSync(join(folder, 'secrets'));
    const files = ['database-url', 'owner-database-url'].map((name) => join(folder, 'secrets', name));
    for (const file of files) writeFileSync(file, 'postgresql://role:secret@database:5432/token_broker');
    for (const [name, script] of Object.entries(programs)) {
      const path = join(programsFolder, name);
      writeFileSync(path, `#!/bin/sh\n${script}\n`);
      chmodSync(path, 0o755);
    }
    const shell = spawnSync('sh', ['-c', commands], {
      cwd: folder,
      env: { PATH: `${programsFolder}:/usr/bin:/bin`, FOLDER: folder },
      encoding: 'utf8',
    });
    const calls = join(folder, 'calls');
    const result = {
      calls: existsSync(calls) ? readFileSync(calls, 'utf8') : '',
      urls: files.map((file) => readFileSync(file, 'utf8')),
    };
    rmSync(folder, { recursive: true });
    if (shell.error) throw shell.error;
    return result;
  }

  const SED = '[ -n "$AS_ROOT" ] || exit 4\nexec /usr/bin/sed "$@"';
  const SUDO = 'AS_ROOT=1 exec "$@"';
  const NOTE = 'echo "$(basename "$0") $*" >> "$FOLDER/calls"';

  test('name both servers in both URLs, as root, and start the broker then', () => {
    const { calls, urls } = run({ sed: SED, sudo: SUDO, docker: NOTE, chown: NOTE });
    const url =
      'postgresql://role:secret@database:5432,standby:5432/token_broker?target_session_attrs=read-write';
    expect(urls).toEqual([url, url]);
    expect(calls).toMatch(/^chown 65532:65532 .*\ndocker compose .* up --detach\n$/s);
  });

  test('start nothing where a URL could not be changed', () => {
    expect(run({ sed: 'exit 4', sudo: SUDO, docker: NOTE, chown: NOTE }).calls).not.toContain('docker');
  });
});
