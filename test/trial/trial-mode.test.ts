import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DataFolder } from '../../sandbox/trial/data-folder.js';
import { assertFreePort, readPorts } from '../../sandbox/trial/ports.js';
import { visitConsent } from '../support/visit-consent.js';
import {
  ALICE,
  begin,
  type BrokerOptions,
  connectInSampleApp,
  options,
  startTrial,
  stopAll,
  TIMEOUT_MS,
} from './trial-mode.js';

describe('npm start without any configuration', () => {
  const parent = mkdtempSync(join(tmpdir(), 'token-broker-trial-'));
  const folder = join(parent, 'data', 'trial');
  let env: BrokerOptions;
  let trial: Awaited<ReturnType<typeof startTrial>>;
  const url = (setting: string) => `http://localhost:${env[setting] ?? ''}`;

  beforeAll(async () => {
    // When root runs the tests, PostgreSQL runs as another user, who needs access.
    chmodSync(parent, 0o755);
    env = await options(folder);
    trial = await startTrial(env);
  }, TIMEOUT_MS);
  afterAll(async () => {
    await stopAll();
    rmSync(parent, { recursive: true, force: true });
  });

  test('says what runs where, what to open next, and no secret', () => {
    expect(trial.output).toContain('trial mode');
    expect(trial.output).toContain('Not for production');
    expect(trial.output).toContain(`Open ${url('SAMPLE_APP_PORT')} next`);
    expect(trial.output.trim().split('\n').length).toBeLessThanOrEqual(12);
    const secrets = ['sample-app.key', 'postgres-password', 'google-client-secret'];
    for (const name of [...secrets, 'google-desktop-client-secret']) {
      expect(trial.output).not.toContain(readFileSync(join(folder, name), 'utf8'));
    }
  });

  test('keeps its files readable by their owner only', () => {
    const open = readdirSync(folder).filter((name) => (statSync(join(folder, name)).mode & 0o077) !== 0);
    expect(open).toEqual([]);
  });

  test('lets a user connect in the sample app, who comes back to a report', async () => {
    const app = url('SAMPLE_APP_PORT');
    const back = await connectInSampleApp(app);
    expect(back.headers.get('location')).toBe(`${app}/?user=alice&connect=success`);
    const home = await (await fetch(back.headers.get('location') ?? '')).text();
    expect(home).toContain('You allowed all requested scopes.');
    expect(home).toContain(ALICE);
    const report = await fetch(new URL('/report?user=alice', app));
    expect(await report.text()).toContain('Minutes watched');
  });

  test('brings a desktop client, by which the command line gets a refresh token without Google', async () => {
    const desktop = join(folder, 'desktop_client.json');
    const { said, end } = begin(
      'scripts/token-broker.mjs',
      ['generate-user-credentials', '-c', desktop, '--no-browser', '--json'],
      env,
    );
    const [, consentUrl = ''] = await said(/"open":"([^"]+)"/);
    const back = await visitConsent(new URL(consentUrl), { account: ALICE });
    expect((await fetch(back)).status).toBe(200);
    const { code, output } = await end;
    expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(/"refresh_token": "1\/\//) });
  });

  test('stops with 0, and without another word', async () => {
    expect(await trial.stop()).toMatchObject({ code: 0, output: trial.output });
  });
});

test('npm start names each port in use, and a data folder that it cannot write to, with the next step', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as AddressInfo;
  await expect(assertFreePort('STAND_IN_PORT', port)).rejects.toThrow(
    `STAND_IN_PORT=${port + 100} npm start`,
  );
  expect(() => readPorts({ PORT: '3001' })).toThrow('PORT and STAND_IN_PORT are both 3001.');
  expect(() => readPorts({ SAMPLE_APP_PORT: 'x' })).toThrow('SAMPLE_APP_PORT is no port.');
  const file = { TRIAL_DATA_DIR: import.meta.filename };
  expect(() => DataFolder.open(file)).toThrow(/cannot be written \(EEXIST\)\. .*TRIAL_DATA_DIR=/);
  taken.close();
});
