import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { Secret } from '../../domain/secret.js';
import { AddressSource } from './address-source.js';
import { databaseUrlFaults, parseDatabaseUrl } from './database-address.js';

const folder = mkdtempSync(join(tmpdir(), 'token-broker-urls-'));
const garbage = join(folder, 'garbage.pem');
writeFileSync(garbage, 'no certificate');
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const secretOf = (url: string) => /:\/\/[^:]*:(hunter2[^@]*)@/.exec(url)?.[1];

describe('a faulty database URL', () => {
  test.each([
    ['postgresql://u:hunter2#x@h/db', 'holds a raw #'],
    ['postgresql://u:12#hunter2@h/db', 'holds a raw #'],
    ['postgresql://u:hunter2/x@h/db', 'holds a raw / or ?'],
    ['postgresql://u:12/hunter2@h/db', 'holds a raw / or ?'],
    ['postgresql://u:12?hunter2@h/db', 'names no database'],
    ['postgresql://u:hunter2@h', 'names no database'],
    ['postgresql://u:hunter2@h/', 'names no database'],
    ['postgresql://u:hunter2@h:port/db', 'has a port'],
    ['postgresql://u:hunter2@h:0/db', 'has a port'],
    ['postgresql://u:hunter2@h:65536/db', 'has a port'],
    ['postgresql://u:hunter2@h/db?port=x', 'has a port'],
    ['postgresql://u:hunter2@a:1,b:x/db', 'has a port'],
    ['postgresql://u:hunter2@a,,b/db', 'has an empty host'],
    ['postgresql://u:hunter2@/db?host=a,b,c&port=1,2', 'names another number of ports'],
    ['postgresql://u:hunter2@h/db?sslmode=allow', 'has an unknown sslmode'],
    ['postgresql://u:hunter2@h/db?sslmode=Require', 'has an unknown sslmode'],
    ['postgresql://u:hunter2@h/db?ssl=false', 'has an unknown value of ssl'],
    ['postgresql://u:hunter2@h/db?sslmode=verify-full&sslmode=disable', 'has sslmode twice'],
    ['postgresql://u:hunter2@h/db?host=a&host=b', 'has host twice'],
    ['postgresql://u:hunter2@h/db?ssl=true&ssl=0', 'has ssl twice'],
    [
      'postgresql://u:hunter2@h/db?sslrootcert=/nowhere/ca.pem',
      'has an sslrootcert that cannot be read (ENOENT)',
    ],
    ['postgresql://u:hunter2@h/db?sslcert=/nowhere/c.pem', 'has an sslcert that cannot be read (ENOENT)'],
    ['postgresql://u:hunter2@h/db?sslkey=/', 'has an sslkey that cannot be read (EISDIR)'],
    [`postgresql://u:hunter2@h/db?sslrootcert=${garbage}`, 'has an sslrootcert that is not a certificate'],
    [
      `postgresql://u:hunter2@h/db?sslcert=${garbage}`,
      'has an sslcert and sslkey that are not a certificate',
    ],
    [
      'postgresql://u:hunter2@h/db?uselibpqcompat=true&sslmode=verify-ca',
      'has sslmode=verify-ca without sslrootcert',
    ],
    ['postgresql://u:hunter2@h/db?sslnegotiation=fast', 'has an unknown sslnegotiation'],
    ['postgresql://u:hunter2@h/db?target_session_attrs=standby', 'has a target_session_attrs'],
    ['postgresql://u:hunter2@h/db?schema=other', 'names another schema'],
    ['postgresql://u:hunter2@h/db?replication=database', 'asks for a replication connection'],
    ['postgresql://u:hunter2@[::z]/db', 'cannot be parsed'],
    ['postgresql://u:hunter2@h o/db', 'must be a postgresql:// URL'],
    ['mysql://u:hunter2@h/db', 'must be a postgresql:// URL'],
  ])('is refused, as %s is', (url, fault) => {
    const [said = '', ...more] = databaseUrlFaults('DATABASE_URL', url);
    expect(said).toContain(`DATABASE_URL ${fault}`);
    expect(more).toEqual([]);
    expect(said).not.toContain('hunter2');
    expect(said).not.toContain(secretOf(url) ?? 'hunter2');
    expect(said).not.toContain('\n');
  });
});

function hosts(url: string) {
  return parseDatabaseUrl(url).hosts.map(({ host, port, user, database, password }) => ({
    at: `${user ?? ''}@${host ?? ''}:${port ?? ''}/${database ?? ''}`,
    password: typeof password === 'function' ? password() : password,
  }));
}

describe('a valid database URL', () => {
  test.each([
    ['postgresql://u:p%23%40%2Fp@h/db', ['u@h:5432/db'], 'p#@/p'],
    ['postgres://u:p@a:5433,b:5434/db', ['u@a:5433/db', 'u@b:5434/db'], 'p'],
    ['postgres://u:p@a,b/db', ['u@a:5432/db', 'u@b:5432/db'], 'p'],
    ['postgres://u:p@a,b/db?port=6432', ['u@a:6432/db', 'u@b:6432/db'], 'p'],
    ['postgres://u:p@[::1]:5433,[fd00::2]/db', ['u@::1:5433/db', 'u@fd00::2:5432/db'], 'p'],
    ['postgres://u:p@/db?host=a,b&port=1,2', ['u@a:1/db', 'u@b:2/db'], 'p'],
    ['postgres://u:p@/db?host=/run/postgresql', ['u@/run/postgresql:5432/db'], 'p'],
    ['postgres://u:p@%2Frun%2Fpostgresql/db', ['u@/run/postgresql:5432/db'], 'p'],
    ['postgres://u:p@h/db?schema=public&connection_limit=5&pgbouncer=true', ['u@h:5432/db'], 'p'],
  ])('is read from %s', (url, at, password) => {
    expect(hosts(url)).toEqual(at.map((each) => ({ at: each, password })));
  });

  test.each([
    ['postgresql://h/db', false],
    ['postgresql://a,b/db', true],
    ['postgresql://a,b/db?target_session_attrs=any', false],
    ['postgresql://h/db?target_session_attrs=primary', true],
    ['postgresql://h/db?target_session_attrs=read-write', true],
  ])('says that with %s the server must be writable as %s', (url, mustBeWritable) => {
    expect(parseDatabaseUrl(url).mustBeWritable).toBe(mustBeWritable);
  });

  test('passes on to pg only what is known, so that no parameter overrides another', () => {
    const [host] = parseDatabaseUrl(
      'postgresql://h/db?binary=true&statement_timeout=1&types=x&options=-c%20a.b%3D1',
    ).hosts;
    expect(host).toMatchObject({ options: '-c a.b=1' });
    expect(Object.keys(host ?? {})).not.toContain('binary');
  });
});

test('a file is read again for each connection, and its last valid content holds while it is broken', () => {
  const file = join(folder, 'url');
  const write = (url: string) => {
    writeFileSync(file, url);
  };
  write('postgresql://u:old@h/db\n');
  const source = new AddressSource(new Secret('postgresql://u:old@h/db'), file);
  const password = () => {
    const [host] = source.current().hosts;
    return typeof host?.password === 'function' ? host.password() : null;
  };
  expect(password()).toBe('old');
  write('postgresql://u:new@h/db\n');
  expect(password()).toBe('new');
  writeFileSync(file, Buffer.from('\uFEFFpostgresql://u:windows@h/db\r\n', 'utf16le'));
  expect(password()).toBe('windows');
  write('postgresql://u:new@h/db\n');
  expect(password()).toBe('new');
  write('postgresql://u:ne');
  expect(password()).toBe('new');
  rmSync(file);
  expect(password()).toBe('new');
});
