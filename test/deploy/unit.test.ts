/** The systemd unit: by systemd-analyze where it is there, and against the image. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const UNIT = 'deploy/systemd/token-broker.service';
const text = readFileSync(UNIT, 'utf8');

test('the unit starts the broker as the image does', () => {
  const [, command = ''] = /^CMD (.*)$/m.exec(readFileSync('Dockerfile', 'utf8')) ?? [];
  const [program, ...args] = JSON.parse(command) as string[];
  expect(text).toContain(`ExecStart=/usr/bin/${[program, ...args].join(' ')}\n`);
  for (const [variable] of readFileSync('Dockerfile', 'utf8').matchAll(/MALLOC_\w+=\d+/g)) {
    expect(text).toMatch(new RegExp(`^Environment=NODE_ENV=production .*${variable}`, 'm'));
  }
});

const withSystemd = spawnSync('systemd-analyze', ['--version']).status === 0 ? test : test.skip;

withSystemd('systemd accepts it, and calls its exposure low (skipped without systemd-analyze)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-unit-'));
  const path = join(folder, 'token-broker.service');
  // The programs and the user that a machine with it has.
  writeFileSync(path, text.replace('/usr/bin/node', process.execPath));
  const analyze = (...args: string[]) => spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  const verified = analyze('verify', '--man=no', '--recursive-errors=no', path);
  expect({ status: verified.status, said: verified.stderr }).toEqual({ status: 0, said: '' });
  // Of 100; what is left are the network and the compiler of V8.
  const security = analyze('security', '--offline=true', '--threshold=20', path);
  if (security.status !== 0) throw new Error(security.stdout);
});
