/** A restarted sandbox keeps its state. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ada, startGoogle, type TestGoogle, web } from './test-google.js';
import { until } from '../support/until.js';

let folder: string;
let stateFile: string;
const running: TestGoogle[] = [];

const start = async (): Promise<TestGoogle> => {
  const google = await startGoogle({ stateFile });
  running.push(google);
  return google;
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stand-in-'));
  stateFile = join(folder, 'google.json');
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((google) => google.close()));
  rmSync(folder, { recursive: true });
});

test('a new start finds key, consents, codes, tokens and revocations again', async () => {
  const before = await start();
  const keys = async (google: TestGoogle) => (await fetch(`${google.url}/oauth2/v3/certs`)).text();
  const keysBefore = await keys(before);
  const tokens = await before.connect({ scope: 'openid' });
  const { refresh_token: ended = '' } = await before.connect({ prompt: 'consent' });
  before.control.endRefreshToken(ended);
  await before.close();

  const after = await start();
  expect(await keys(after)).toBe(keysBefore);
  expect((await after.refresh(tokens.refresh_token)).status).toBe(200);
  expect((await after.refresh(ended)).status).toBe(400);
  expect(await after.opens(tokens.access_token)).toBe(true);
  expect(after.control.liveRefreshTokens(ada.sub, web.clientId)).toEqual([tokens.refresh_token]);
  expect(await after.connect({ login_hint: ada.sub })).not.toHaveProperty('refresh_token');
});

test('the state file is for its owner only, and is there soon, without waiting for the end', async () => {
  const google = await start();
  const { refresh_token = 'none' } = await google.connect();
  await until(() => existsSync(stateFile) && readFileSync(stateFile, 'utf8').includes(refresh_token));
  expect(statSync(stateFile).mode & 0o777).toBe(0o600);
});

test('a reset empties the state file too', async () => {
  const google = await start();
  const { refresh_token = 'none' } = await google.connect();
  google.control.reset();
  await google.close();
  expect(readFileSync(stateFile, 'utf8')).not.toContain(refresh_token);
});

test.each([
  ['cut off', (text: string) => text.slice(0, -20)],
  ['empty', () => ''],
  ['something else', () => '{"version":1}'],
  ['without the key', (text: string) => text.replace('"d":', '"dd":')],
  ['with broken rows', (text: string) => text.replace('"token":"1//', '"tocken":"1//')],
])('a file that is %s stops the start, and stays as it is', async (_how, damage) => {
  const google = await start();
  await google.connect();
  await google.close();
  const damaged = damage(readFileSync(stateFile, 'utf8'));
  writeFileSync(stateFile, damaged);
  await expect(start()).rejects.toThrow(`state file ${stateFile} is damaged`);
  expect(readFileSync(stateFile, 'utf8')).toBe(damaged);
});

test('nothing is kept without a state file', async () => {
  const before = await startGoogle();
  const { refresh_token } = await before.connect();
  await before.close();
  const after = await startGoogle();
  running.push(after);
  expect((await after.refresh(refresh_token)).status).toBe(400);
});
