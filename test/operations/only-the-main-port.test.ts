/** Only HOST and PORT listen: neither a signal nor a flag opens Node's inspector. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePort } from '../../sandbox/trial/postgres.js';
import { emptyFolder } from '../cli/token-broker.js';
import { startTestBed, type TestBed } from '../support/test-bed.js';
import { until } from '../support/until.js';

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
});
afterAll(() => bed.stop());

function start(env: Record<string, string>) {
  const broker = spawn(process.execPath, [resolve('dist/bundle/main.js')], {
    cwd: emptyFolder(),
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  broker.stderr.on('data', (chunk) => (errors += String(chunk)));
  return { broker, exit: once(broker, 'exit'), errors: () => errors };
}

test('SIGUSR1 opens no inspector, and the broker still serves', async () => {
  const [port, inspectorPort] = [await freePort(), await freePort()];
  const env = { ...bed.settings, PORT: String(port), NODE_OPTIONS: `--inspect-port=${inspectorPort}` };
  const { broker, exit, errors } = start(env);
  try {
    await until(() => isOpen(port));
    broker.kill('SIGUSR1');
    // A signal is handled before the next response.
    for (let call = 0; call < 3; call++) {
      expect((await fetch(`http://127.0.0.1:${port}/health/live`)).status).toBe(200);
    }
    expect(await isOpen(inspectorPort)).toBe(false);
    broker.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
    expect(errors()).toBe('');
  } finally {
    broker.kill('SIGKILL');
  }
});

test('in production a flag that opens the inspector is refused', async () => {
  const env = { ...bed.settings, NODE_ENV: 'production', NODE_OPTIONS: '--inspect=127.0.0.1:0' };
  const { exit, errors } = start({ ...env, PORT: String(await freePort()) });
  expect(await exit).toEqual([78, null]);
  expect(errors()).toContain('remove --inspect in production');
});

function isOpen(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      done(true);
    });
    socket.on('error', () => {
      done(false);
    });
  });
}
