/** The trial mode a second time: on the same data, beside itself, with the command line, and where a port is taken. */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Api } from '../support/api.js';
import {
  ALICE,
  type BrokerOptions,
  connectInSampleApp,
  options,
  run,
  startTrial,
  stopAll,
  TIMEOUT_MS,
  VIEWS,
} from './trial-mode.js';

describe('npm start again', () => {
  const parent = mkdtempSync(join(tmpdir(), 'token-broker-trial-'));
  const folder = join(parent, 'data', 'trial');
  let env: BrokerOptions;
  let trial: Awaited<ReturnType<typeof startTrial>>;
  const url = (setting: string) => `http://localhost:${env[setting] ?? ''}`;
  const broker = () => new Api(url('PORT'), readFileSync(join(folder, 'sample-app.key'), 'utf8'));

  beforeAll(async () => {
    // When root runs the tests, PostgreSQL runs as another user, who needs access.
    chmodSync(parent, 0o755);
    env = await options(folder);
    trial = await startTrial(env);
    await connectInSampleApp(url('SAMPLE_APP_PORT'));
  }, TIMEOUT_MS);
  afterAll(async () => {
    await stopAll();
    rmSync(parent, { recursive: true, force: true });
  });

  test('works with the command line on its database', async () => {
    const { code, output } = await run('scripts/token-broker.mjs', ['service', 'list'], env);
    expect(output).toContain('Sample app');
    expect(code).toBe(0);
  });

  test(
    "plays the users of Google's guide to Google Ads, with its service account",
    async () => {
      const scope = 'https://www.googleapis.com/auth/adwords';
      const [M1, M2, A1] = ['1000000001', '1000000002', '2000000001'];
      const key = join(folder, 'service_account.json');
      const added = await run(
        'scripts/token-broker.mjs',
        ['service-account', 'add', key, '--user', 'sa1', '--scope', scope],
        env,
      );
      expect(added.code).toBe(0);
      const people = [
        ['u1', 'carol@example.com'],
        ['u2', ALICE],
        ['u3', 'bob.baker@example.net'],
      ] as const;
      for (const [user_id, account] of people) await broker().connect({ user_id, scope }, { account });
      const roots: Record<string, unknown> = {};
      for (const user of ['sa1', 'u1', 'u2', 'u3']) {
        const { body } = await broker().token(user, { customer_id: A1 });
        roots[user] =
          (body['ads'] as Record<string, unknown> | undefined)?.['login_customer_id'] ?? body['reason'];
      }
      expect(roots).toEqual({ sa1: M1, u1: M1, u2: M2, u3: 'no_access_path' });
    },
    TIMEOUT_MS,
  );

  test('says in a second run on the same data that it runs already', async () => {
    const { code, output } = await run('scripts/start.mjs', [], env);
    expect(output).toMatch(/^The trial mode runs already: open \S+, or stop it \(process \d+\)[^\n]+\n$/);
    expect(code).toBe(1);
  });

  test(
    'finds the grant of the time before, whose token still works',
    async () => {
      await trial.stop();
      expect((await run('scripts/token-broker.mjs', ['service', 'list'], env)).output).toContain(
        'the trial mode does not run',
      );
      trial = await startTrial(env);
      const token = await broker().token('alice', { scope: VIEWS });
      expect(token.body).toMatchObject({ token_type: 'Bearer', account: { email: ALICE } });
      const report = await fetch(new URL('/report?user=alice', url('SAMPLE_APP_PORT')));
      expect(await report.text()).toContain('Minutes watched');
    },
    TIMEOUT_MS,
  );
});

describe('npm start with an obstacle', () => {
  const parent = mkdtempSync(join(tmpdir(), 'token-broker-trial-'));
  const taken = createServer();
  let port: number;

  beforeAll(async () => {
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    port = (taken.address() as AddressInfo).port;
  });
  afterAll(() => {
    taken.close();
    rmSync(parent, { recursive: true, force: true });
  });

  test('says in one sentence with the next step that a port is in use, and exits with 1', async () => {
    const env = { ...(await options(join(parent, 'data'))), PORT: String(port) };
    expect(await run('scripts/start.mjs', [], env)).toEqual({
      output: `Port ${port} is in use. Stop what runs there, or choose another: PORT=${port + 100} npm start\n`,
      code: 1,
    });
  });
});
