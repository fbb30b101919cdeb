import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../../sandbox/trial/postgres.js';
import { until } from '../support/until.js';
import { startTestBed, type TestBed } from '../support/test-bed.js';
import { asJson, emptyFolder, tokenBroker } from './token-broker.js';

const RISC = 'https://schemas.openid.net/secevent/risc/event-type/';
const OAUTH = 'https://schemas.openid.net/secevent/oauth/event-type/';

let bed: TestBed;
let key: string;
beforeAll(async () => {
  bed = await startTestBed();
  key = serviceAccount('project-a');
});
beforeEach(() => {
  bed.google.control.reset();
});
afterAll(() => bed.stop());

/** @returns the path of a key file as from Google's console */
function serviceAccount(projectId: string, change: Record<string, unknown> = {}, known = true): string {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keyId = randomUUID();
  const email = `risc@${projectId}.iam.gserviceaccount.com`;
  if (known) {
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    bed.google.control.addServiceAccount({ email, projectId, keyId, publicKey: pem });
  }
  const file = {
    type: 'service_account',
    project_id: projectId,
    private_key_id: keyId,
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    client_email: email,
    ...change,
  };
  const path = join(emptyFolder(), 'risc.json');
  writeFileSync(path, JSON.stringify(file));
  return path;
}

/** These commands need no database and no keys. */
const env = () => ({
  PUBLIC_URL: bed.url,
  GOOGLE_CLIENT_SECRETS: bed.settings['GOOGLE_CLIENT_SECRETS'] ?? '',
  GOOGLE_STAND_IN_URL: bed.google.url,
});
const risc = (...args: string[]) => asJson(['risc', ...args, '--service-account', key], env());
const url = () => `${bed.url}/security-events/google`;

describe('token-broker risc', () => {
  test('makes the test event arrive at the broker, by configure, status and verify', async () => {
    const configured = await risc('configure');
    expect(configured).toMatchObject({
      code: 0,
      output: { project_id: 'project-a', url: url(), notes: [] },
    });
    expect(configured.output?.['events_requested']).toEqual([
      `${OAUTH}tokens-revoked`,
      `${OAUTH}token-revoked`,
      `${RISC}account-disabled`,
      `${RISC}account-enabled`,
      `${RISC}account-purged`,
      `${RISC}sessions-revoked`,
      `${RISC}account-credential-change-required`,
      `${RISC}verification`,
    ]);

    const { stdout, code } = await tokenBroker(['risc', 'status', '--service-account', key], env());
    expect(code).toBe(0);
    expect(stdout).toContain(
      `project  project-a\nstatus   enabled\nurl      ${url()}\nevents   tokens-revoked`,
    );

    expect(await risc('verify', '--state', 'after the move')).toMatchObject({
      code: 0,
      output: { state: 'after the move' },
    });
    await until(() => /"event":"verification".*"state":"after the move"/.test(bed.log()));

    const { output } = await risc('verify');
    await until(() => bed.log().includes(`"state":"${String(output?.['state'])}"`));
  });

  test('replaces what was set by --url and --events, by name or whole type', async () => {
    await risc('configure');
    await risc(
      'configure',
      '--url',
      'https://broker.example.com/events',
      '--events',
      'verification',
      `${RISC}new`,
    );
    expect((await risc('status')).output).toEqual({
      project_id: 'project-a',
      status: 'enabled',
      url: 'https://broker.example.com/events',
      events_requested: [`${RISC}verification`, `${RISC}new`],
    });
  });

  test('switches the stream off and on with status --set', async () => {
    await risc('configure');
    expect((await risc('status', '--set', 'disabled')).output?.['status']).toBe('disabled');
    expect((await risc('status')).output?.['status']).toBe('disabled');
    expect((await risc('status', '--set', 'enabled')).output?.['status']).toBe('enabled');
    expect((await risc('status', '--set', 'perhaps')).code).toBe(2);
  });

  test('adds a note for a service account of a project without clients of the broker', async () => {
    const foreign = serviceAccount('project-x');
    const args = ['risc', 'configure', '--service-account', foreign];
    const { stdout } = await tokenBroker(args, env());
    expect(stdout).toContain('Careful: no client of GOOGLE_CLIENT_SECRETS belongs to the project project-x');
    const { GOOGLE_CLIENT_SECRETS: _none, ...unset } = env();
    expect((await tokenBroker(args, unset)).stdout).not.toContain('Careful');
  });
});

describe('a refusal of Google', () => {
  test.each([
    ['risc_api_disabled', 3, 'apis/library/risc.googleapis.com?project=project-a'],
    ['risc_role_missing', 3, 'roles/riscconfigs.admin'],
    ['risc_foreign_domain', 3, 'authorized domains'],
    ['risc_not_https', 3, 'https'],
  ] as const)('is reported in plain words for %s', async (named, code, words) => {
    bed.google.control.failNext('risc', { named });
    const { failure, ...run } = await risc('configure');
    expect(run.code).toBe(code);
    expect(failure).toMatchObject({ error: named, message: expect.stringContaining(words) });
    expect(failure?.['message']).toContain('Google said: ');
  });

  test('exits with 4 where there is no stream yet', async () => {
    for (const command of ['status', 'verify']) {
      expect(await risc(command)).toMatchObject({
        code: 4,
        failure: { error: 'risc_not_configured', message: expect.stringContaining('risc configure') },
      });
    }
  });

  test('exits with 3 for a key that Google does not know', async () => {
    const unknown = serviceAccount('project-a', {}, false);
    const { code, failure } = await asJson(['risc', 'status', '--service-account', unknown], env());
    expect({ code, error: failure?.['error'] }).toEqual({ code: 3, error: 'service_account_refused' });
  });

  test('is reported in Google’s own words where it is new', async () => {
    bed.google.control.failNext('risc', { status: 403, body: { error: { message: 'Not on Sundays.' } } });
    expect(await risc('status')).toMatchObject({
      code: 3,
      failure: { error: 'risc_refused', message: expect.stringContaining('Not on Sundays.') },
    });
  });

  test('exits with 69 where Google fails, or cannot be reached', async () => {
    bed.google.control.failNext('risc', { status: 503, body: 'unwell' });
    expect(await risc('status')).toMatchObject({ code: 69, failure: { error: 'google_unavailable' } });
    const unreachable = { ...env(), GOOGLE_STAND_IN_URL: `http://127.0.0.1:${await freePort()}` };
    expect((await asJson(['risc', 'status', '--service-account', key], unreachable)).code).toBe(69);
  });
});

describe('wrong usage', () => {
  test.each([
    ['no file', () => '/nowhere/risc.json', 4, 'ENOENT'],
    ['an OAuth client', () => file({ web: {} }), 78, 'is an OAuth client'],
    [
      'another kind of key',
      () => file({ type: 'authorized_user' }),
      78,
      'is not the key of a service account',
    ],
    ['no JSON', () => file('secret-text'), 78, 'is not JSON'],
    ['a field missing', () => serviceAccount('p', { private_key_id: '' }), 78, 'lacks private_key_id'],
    ['a broken key', () => serviceAccount('p', { private_key: 'secret-text' }), 78, 'cannot be read'],
  ])('is reported before any request to Google with %s', async (_, path, code, words) => {
    const { failure, ...run } = await asJson(['risc', 'status', '--service-account', path()], env());
    expect(run.code).toBe(code);
    expect(failure?.['message']).toContain(words);
    expect(JSON.stringify(failure)).not.toContain('secret-text');
    expect(bed.google.control.count('risc')).toBe(0);
  });

  test.each([
    ['plain http to the real Google', { GOOGLE_STAND_IN_URL: '' }, ['--url', 'http://broker.example.com/x']],
    ['no url and no PUBLIC_URL', { PUBLIC_URL: '' }, []],
    ['not a url', {}, ['--url', 'broker']],
  ])('exits with 2 for %s', async (_, changes, args) => {
    const run = await asJson(['risc', 'configure', '--service-account', key, ...args], {
      ...env(),
      ...changes,
    });
    expect(run).toMatchObject({ code: 2, failure: { error: 'wrong_usage' } });
    expect(bed.google.control.count('risc')).toBe(0);
  });

  test('exits with 78 for a wrong address of the stand-in', async () => {
    const run = await asJson(['risc', 'status', '--service-account', key], {
      ...env(),
      GOOGLE_STAND_IN_URL: 'not a url',
    });
    expect(run.code).toBe(78);
  });
});

test('no key is shown, whatever happens', async () => {
  const { private_key: secret } = { private_key: 'PRIVATE KEY' };
  for (const args of [['configure'], ['status'], ['verify']]) {
    const { stdout, stderr } = await tokenBroker(['risc', ...args, '--service-account', key], env());
    expect(stdout + stderr).not.toContain(secret);
  }
});

function file(content: object | string): string {
  const path = join(emptyFolder(), 'risc.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}
