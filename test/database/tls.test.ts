import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { postgresUser } from '../../sandbox/trial/postgres-files.js';
import { type RunningPostgres, startPostgres } from '../../sandbox/trial/postgres.js';
import { databaseFault } from '../../src/token-store/client/database-error.js';
import { migrate } from '../../src/token-store/migrations/migrate.js';
import { tokenBroker } from '../cli/token-broker.js';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const run = hasOpenssl ? describe : describe.skip;

run(`PostgreSQL over TLS${hasOpenssl ? '' : ' (skipped: openssl is not installed)'}`, () => {
  let folder: string;
  let postgres: RunningPostgres;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'token-broker-tls-'));
    chmodSync(folder, 0o755);
    makeCertificate('ca', ['-x509', '-subj', '/CN=Test CA']);
    makeCertificate('other-ca', ['-x509', '-subj', '/CN=Other CA']);
    writeFileSync(file('names'), 'subjectAltName=DNS:localhost');
    makeCertificate('server', [
      '-x509',
      '-subj',
      '/CN=localhost',
      '-CA',
      file('ca.pem'),
      '-CAkey',
      file('ca.key'),
      '-addext',
      'subjectAltName=DNS:localhost',
    ]);
    const user = postgresUser();
    if (user) chownSync(file('server.key'), user.uid, user.gid);
    postgres = await startPostgres({
      folder: join(folder, 'postgres'),
      password: randomUUID(),
      flags: [
        '-c',
        'fsync=off',
        '-c',
        'ssl=on',
        '-c',
        `ssl_cert_file=${file('server.pem')}`,
        '-c',
        `ssl_key_file=${file('server.key')}`,
      ],
    });
  });
  afterAll(async () => {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const file = (name: string) => join(folder, name);

  function makeCertificate(name: string, args: string[]): void {
    const { status, stderr } = spawnSync(
      'openssl',
      [
        'req',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-days',
        '2',
        '-keyout',
        file(`${name}.key`),
        '-out',
        file(`${name}.pem`),
        ...args,
      ],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(stderr);
  }

  /** @returns why it could not connect; null when it could */
  const faultOver = async (query: string, host = 'localhost') => {
    const url = `${postgres.url('postgres').replace('127.0.0.1', host)}?${query}`;
    return migrate(url, 'prisma/migrations').then(
      () => null,
      (error: unknown) => databaseFault(error)?.message ?? String(error),
    );
  };
  const refused = expect.stringMatching(/^The database cannot be reached over TLS as DATABASE_URL asks/);

  test.each(['verify-full', 'verify-ca', 'require', 'prefer'])(
    'sslmode=%s verifies the certificate and the name',
    async (mode) => {
      expect(await faultOver(`sslmode=${mode}&sslrootcert=${file('ca.pem')}`)).toBeNull();
      expect(await faultOver(`sslmode=${mode}&sslrootcert=${file('other-ca.pem')}`)).toEqual(refused);
      expect(await faultOver(`sslmode=${mode}&sslrootcert=${file('ca.pem')}`, '127.0.0.1')).toEqual(refused);
    },
  );

  test('a certificate that Node does not know is refused, in words', async () => {
    expect(await faultOver('sslmode=verify-full')).toEqual(refused);
  });

  test('sslmode=no-verify takes any certificate, and disable takes none', async () => {
    expect(await faultOver('sslmode=no-verify')).toBeNull();
    expect(await faultOver('sslmode=disable')).toBeNull();
  });

  test('the certificate is verified as libpq does, where the URL says so', async () => {
    expect(await faultOver('uselibpqcompat=true&sslmode=require')).toBeNull();
    expect(
      await faultOver(`uselibpqcompat=true&sslmode=verify-ca&sslrootcert=${file('ca.pem')}`, '127.0.0.1'),
    ).toBeNull();
  });

  test('a server without TLS is refused, in words', async () => {
    const url = `${process.env['TEST_POSTGRES_URL'] ?? ''}postgres?sslmode=verify-full`;
    const { code, stderr } = await tokenBroker(['migrate'], { DATABASE_URL: url });
    expect({ code, stderr }).toEqual({ code: 69, stderr: refused });
  });
});
