/**
 * The lowest Node.js that package.json promises runs what is shipped: the broker and the command line. Tried with a
 * real one where `node scripts/lowest-node.mjs` has put it (CI does); elsewhere these tests are skipped.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { freePort } from '../../sandbox/trial/postgres.js';
import { startTestBed } from '../support/test-bed.js';
import { until } from '../support/until.js';

const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { engines: { node: string } };
const version = `${engines.node.replace('>=', '')}.0`;
const lowest = resolve('.cache', `node-${version}`, 'package', 'bin', 'node');
const whereItIs = existsSync(lowest) ? describe : describe.skip;

test('package.json promises one lowest version', () => {
  expect(engines.node).toMatch(/^>=\d+\.\d+$/);
});

test.each(['cli/main.js', 'main.js'])(
  'a lower Node.js is refused by %s, with the one that it needs',
  (entry) => {
    const lower = 'Object.defineProperty(process.versions, "node", { value: "22.14.0" })';
    const args = ['--import', `data:text/javascript,${lower}`, resolve('dist/bundle', entry)];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { env: {}, encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 78, stdout: '' });
    expect(stderr).toMatch(
      /^The token broker needs Node\.js 22\.15 or later\. This is 22\.14\.0 \(.*\)\.\n$/,
    );
  },
);

whereItIs(`Node.js ${version} (skipped unless scripts/lowest-node.mjs has fetched it)`, () => {
  const cwd = mkdtempSync(join(tmpdir(), 'token-broker-lowest-'));

  test.each(['--help', 'service create --help', '--version'])(
    'the lowest version runs token-broker %s',
    (args) => {
      const { status, stdout, stderr } = spawnSync(
        lowest,
        [resolve('dist/bundle/cli/main.js'), ...args.split(' ')],
        {
          cwd,
          env: {},
          encoding: 'utf8',
        },
      );
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).not.toBe('');
    },
  );

  test('the broker starts, answers and stops on the lowest version', async () => {
    const bed = await startTestBed();
    const port = String(await freePort());
    const broker = spawn(lowest, [resolve('dist/bundle/main.js')], {
      cwd,
      env: { ...bed.settings, PORT: port, LOG_LEVEL: 'warn' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [broker.stdout, broker.stderr])
      stream.on('data', (chunk) => (output += String(chunk)));
    const exit = once(broker, 'exit');
    try {
      await untilReady(`http://127.0.0.1:${port}`, () => broker.exitCode !== null);
      const response = await fetch(`http://127.0.0.1:${port}/tokens/alice`);
      expect(response.status).toBe(401);
      broker.kill('SIGTERM');
      expect(await exit).toEqual([0, null]);
      expect(output).toBe('');
    } finally {
      broker.kill('SIGKILL');
      await bed.stop();
    }
  });
});

async function untilReady(url: string, hasEnded: () => boolean): Promise<void> {
  await until(async () => {
    if (hasEnded()) throw new Error('The broker ended before it was ready.');
    return (await fetch(`${url}/health/ready`).catch(() => null))?.ok === true;
  }, 30_000);
}
