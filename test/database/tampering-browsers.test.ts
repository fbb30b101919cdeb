import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Secret } from '../../src/domain/secret.js';
import { Sealer } from '../../src/sealing/sealer.js';
import { pendingExchangeAad } from '../../src/token-store/sealed/aad.js';
import { ConsoleBrowser } from '../console/console-browser.js';
import { ALICE, APP, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';

/**
 * What a writer of rows could do for someone who holds a value of the broker's in a browser: a completion code of their own, or a
 * copy of a cookie of the console. The rows of the services and grants are in tampering.test.ts.
 */
let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed({ CONSOLE_OPERATORS: '@example.com' });
});
beforeEach(async () => {
  bed.google.control.reset();
  // Forgets Google's keys.
  await bed.restart();
  await bed.reset();
});
afterAll(() => bed.stop());

const mallorysLink = { user_id: 'mallory', scope: YOUTUBE, return_to: `${APP}/done`, confirm: true };
const complete = (code: string) => bed.api.post('/connect/completions', { code, user_id: 'mallory' });

/** While Google's keys cannot be fetched. @returns the completion code */
async function postponed(account: string): Promise<string> {
  bed.google.control.failAlways('certs', { status: 503, body: 'busy' });
  const { headers } = await bed.api.connect(mallorysLink, { account });
  return new URL(headers.get('location') ?? '').searchParams.get('connect_code') ?? '';
}

function keysAreBack(): void {
  bed.google.control.clearFaults();
  bed.clock.advance(400);
}

test('a consent of another person that is put under a code of their own becomes no grant', async () => {
  const from = bed.log().length;
  const code = await postponed(BOB.email);
  const [{ code_hash: hash } = {}] = await bed.sql('SELECT code_hash FROM pending_exchanges');
  await bed.sql('DELETE FROM pending_exchanges');
  expect(await postponed(ALICE.email)).not.toBe(code);
  await bed.sql('UPDATE pending_exchanges SET code_hash = $1', [hash]);
  keysAreBack();
  let answer = await complete(code);
  const isReported = () => bed.log().slice(from).includes('"kind":"pending_exchange"');
  // The job may be at it; then the app is asked to send the same code again.
  await until(
    async () => answer.status === 200 || isReported() || (answer = await complete(code)).status === 200,
  );
  expect(answer.status).not.toBe(200);
  expect((await complete(code)).status).not.toBe(200);
  expect(await bed.sql('SELECT 1 FROM grants')).toEqual([]);
});

test('a consent that a version before stored without the digest of its code is confirmed all the same', async () => {
  const code = await postponed(ALICE.email);
  const [row] = await bed.sql('SELECT * FROM pending_exchanges');
  const bound = {
    id: String(row?.['id']),
    createdAt: row?.['created_at'] as Date,
    expiresAt: row?.['expires_at'] as Date,
  };
  const sealer = bed.app.get(Sealer);
  const opened = await sealer.open(String(row?.['sealed_exchange']), pendingExchangeAad(bound));
  const { codeHash, ...former } = JSON.parse(opened.reveal()) as Record<string, unknown>;
  expect(codeHash).toEqual(expect.any(String));
  const sealed = await sealer.seal(new Secret(JSON.stringify(former)), pendingExchangeAad(bound));
  await bed.sql('UPDATE pending_exchanges SET sealed_exchange = $1', [sealed]);
  keysAreBack();
  let answer = await complete(code);
  await until(async () => answer.status !== 503 || (answer = await complete(code)).status !== 503);
  expect(answer.status).toBe(200);
  expect((await bed.api.token('mallory')).status).toBe(200);
});

test('a session of the console lasts 8 hours at most, whatever its row says', async () => {
  const browser = new ConsoleBrowser(bed.url);
  await browser.signIn(ALICE.email);
  const copy = new Map(browser.cookies);
  const isSignedIn = async () => {
    for (const [name, value] of copy) browser.cookies.set(name, value);
    return (await browser.get('/console')).status === 200;
  };
  expect(await isSignedIn()).toBe(true);
  await bed.sql(`UPDATE console_sessions SET ended_at = NULL, expires_at = '2100-01-01'`);
  bed.clock.advance(8 * 3600 - 60);
  expect(await isSignedIn()).toBe(true);
  bed.clock.advance(61);
  expect(await isSignedIn()).toBe(false);
});
