import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DataFolder } from '../../sandbox/trying/data-folder.js';
import { assertFreePort, readPorts } from '../../sandbox/trying/ports.js';
import { Api, Browser } from '../support/api.js';
import { type BrokerOptions, options, run, startTrying, stopAll } from './trying-mode.js';

const VIEWS = 'https://www.googleapis.com/auth/yt-analytics.readonly';
const ALICE = 'alice@example.com';
/** Creating a database takes two seconds, and far more on a busy machine. */
const TIMEOUT_MS = 60_000;

describe('npm start without any configuration', () => {
  const parent = mkdtempSync(join(tmpdir(), 'token-broker-trying-'));
  const folder = join(parent, 'data', 'trying');
  let env: BrokerOptions;
  let trying: Awaited<ReturnType<typeof startTrying>>;
  const url = (setting: string) => `http://localhost:${env[setting] ?? ''}`;
  const broker = () => new Api(url('PORT'), readFileSync(join(folder, 'sample-app.key'), 'utf8'));

  beforeAll(async () => {
    // When root runs the tests, PostgreSQL runs as another user, who needs access.
    chmodSync(parent, 0o755);
    env = await options(folder);
    trying = await startTrying(env);
  }, TIMEOUT_MS);
  afterAll(async () => {
    await stopAll();
    rmSync(parent, { recursive: true, force: true });
  });

  test('says what runs where, what to open next, and no secret', () => {
    expect(trying.output).toContain('trying mode');
    expect(trying.output).toContain('Not for production');
    expect(trying.output).toContain(`Open ${url('SAMPLE_APP_PORT')} next`);
    expect(trying.output.trim().split('\n').length).toBeLessThanOrEqual(12);
    for (const name of ['sample-app.key', 'postgres-password', 'google-client-secret']) {
      expect(trying.output).not.toContain(readFileSync(join(folder, name), 'utf8'));
    }
  });

  test('keeps its files readable by their owner only', () => {
    const open = readdirSync(folder).filter((name) => (statSync(join(folder, name)).mode & 0o077) !== 0);
    expect(open).toEqual([]);
  });

  test('lets a user connect in the sample app, who comes back to a report', async () => {
    const app = url('SAMPLE_APP_PORT');
    const link = await fetch(new URL('/connect', app), {
      method: 'POST',
      body: new URLSearchParams({ user: 'alice', scope: VIEWS }),
      headers: { origin: app },
      redirect: 'manual',
    });
    const back = await new Browser().connect(link.headers.get('location') ?? '', { account: ALICE });
    expect(back.headers.get('location')).toBe(`${app}/?user=alice&connect=success`);
    const home = await (await fetch(back.headers.get('location') ?? '')).text();
    expect(home).toContain('You allowed all requested scopes.');
    expect(home).toContain(ALICE);
    expect(await report()).toContain('Minutes watched');
  });

  test('works with the command line on its database', async () => {
    const { code, output } = await run('scripts/token-broker.mjs', ['service', 'list'], env);
    expect(output).toContain('Sample app');
    expect(code).toBe(0);
  });

  test('says in a second run on the same data that it runs already', async () => {
    const { code, output } = await run('scripts/start.mjs', [], env);
    expect(output).toMatch(/^The trying mode runs already: open \S+, or stop it \(process \d+\)[^\n]+\n$/);
    expect(code).toBe(1);
  });

  test(
    'stops with 0, and the next start finds the grant, whose token still works',
    async () => {
      expect(await trying.stop()).toMatchObject({ code: 0, output: trying.output });
      expect((await run('scripts/token-broker.mjs', ['service', 'list'], env)).output).toContain(
        'the trying mode does not run',
      );
      trying = await startTrying(env);
      const token = await broker().token('alice', { scope: VIEWS });
      expect(token.body).toMatchObject({ token_type: 'Bearer', account: { email: ALICE } });
      expect(await report()).toContain('Minutes watched');
    },
    TIMEOUT_MS,
  );

  async function report(): Promise<string> {
    return (await fetch(new URL('/report?user=alice', url('SAMPLE_APP_PORT')))).text();
  }
});

describe('npm start with an obstacle', () => {
  const parent = mkdtempSync(join(tmpdir(), 'token-broker-trying-'));
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

  test('names every other port and the data folder the same way', async () => {
    await expect(assertFreePort('STAND_IN_PORT', port)).rejects.toThrow(
      `STAND_IN_PORT=${port + 100} npm start`,
    );
    expect(() => readPorts({ PORT: '3001' })).toThrow('PORT and STAND_IN_PORT are both 3001.');
    expect(() => readPorts({ SAMPLE_APP_PORT: 'x' })).toThrow('SAMPLE_APP_PORT is no port.');
    const file = { TRYING_DATA_DIR: import.meta.filename };
    expect(() => DataFolder.open(file)).toThrow(/cannot be written \(EEXIST\)\. .*TRYING_DATA_DIR=/);
  });
});
