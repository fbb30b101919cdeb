/** The app's own ids of its users are any text: each works wherever one can be given, and is no other. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Browser } from '../support/api.js';
import { sendRaw } from '../support/raw-http.js';
import { ALICE, APP, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { visitConsent } from '../support/visit-consent.js';
import { until } from '../support/until.js';

const IDS = [
  'auth0|5f7c',
  '_x',
  'a==',
  'müller',
  'mu\u0308ller',
  'a/b',
  'a/../b',
  '100%',
  '%2F',
  '?x=1#y',
  'a b+c',
  ' trailing ',
  'it\'s "quoted" \\ <b>&amp;',
  '用户',
  '*',
  'team-a:*',
  '__proto__',
  'grants',
  '\u2028\u202e',
  '😀'.repeat(255),
];

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed();
});
afterAll(() => bed.stop());

test.each(IDS)('the user id %j works in every route', async (id) => {
  const path = encodeURIComponent(id);
  const before = await bed.api.get(`/tokens/${path}`);
  expect(before.body).toMatchObject({ code: 'not_connected' });
  const page = await bed.api.connect({ user_id: id, scope: YOUTUBE }, { account: ALICE.email });
  expect(page.status).toBe(200);
  const token = await bed.api.get(`/tokens/${path}`);
  expect(token.status).toBe(200);
  // From the cache too.
  expect((await bed.api.get(`/tokens/${path}`)).body['access_token']).toBe(token.body['access_token']);
  const grants = (await bed.api.get(`/users/${path}/grants`)).body['grants'] as {
    id: string;
    user_id: string;
  }[];
  expect(grants.map(({ user_id }) => user_id)).toEqual([id]);
  expect((await bed.api.get(`/users/${path}/ads/customers`)).body).toMatchObject({
    code: 'insufficient_scope',
  });
  const auditor = await bed.service({ audit: true, users: [id.replaceAll(/[\\*]/g, '\\$&')] });
  const events = (await auditor.get('/audit', { user: id })).body['events'] as { user_id: string }[];
  expect(events.length).toBeGreaterThan(2);
  expect(new Set(events.map(({ user_id }) => user_id))).toEqual(new Set([id]));
  expect((await auditor.get(`/tokens/${path}`)).status).toBe(200);
  expect((await bed.api.delete(`/grants/${grants[0]?.id ?? ''}`, { mode: 'local' })).status).toBe(200);
  expect((await bed.api.get(`/tokens/${path}`)).status).toBe(404);
});

test('no two ids are the same by case, by normal form or by spaces at the ends', async () => {
  await bed.api.connect({ user_id: 'm\u00fcller', scope: YOUTUBE }, { account: ALICE.email });
  for (const other of ['mu\u0308ller', 'M\u00fcller', 'm\u00fcller ', ' m\u00fcller', 'm%C3%BCller'])
    expect((await bed.api.get(`/tokens/${encodeURIComponent(other)}`)).status).toBe(404);
});

test.each(['.', '..'])(
  '%j, which clients resolve before they send it, works from those that do not',
  async (id) => {
    await bed.api.connect({ user_id: id, scope: YOUTUBE }, { account: ALICE.email });
    const get = (path: string) =>
      sendRaw(
        bed.url,
        `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bed.api.key}\r\nConnection: close\r\n\r\n`,
      );
    const written = id.replaceAll('.', '%2E');
    for (const each of [id, written]) {
      expect((await get(`/tokens/${each}`)).status).toBe(200);
      expect((await get(`/users/${each}/grants`)).text).toContain(`"user_id":"${id}"`);
    }
  },
);

test('confirm mode and webhooks name the user to the letter', async () => {
  const delivered: string[] = [];
  const receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      delivered.push(body);
      response.end();
    });
  });
  await new Promise<void>((listening) => receiver.listen(0, '127.0.0.1', listening));
  const { port } = receiver.address() as AddressInfo;
  const id = 'a/b|ü 😀';
  await bed.webhook({ url: `http://127.0.0.1:${port}/` });
  const browser = new Browser();
  const ticket = { user_id: id, scope: YOUTUBE, confirm: true, return_to: `${APP}/done` };
  const consent = await browser.begin(await bed.api.connectUrl(ticket));
  const back = await browser.open(await visitConsent(consent, { account: ALICE.email }));
  const code = new URL(back.headers.get('location') ?? '').searchParams.get('connect_code');
  expect((await bed.api.post('/connect/completions', { code, user_id: id })).status).toBe(200);
  await until(() => delivered.length > 0);
  expect(delivered.map((body) => (JSON.parse(body) as { data: { user_id: string } }).data.user_id)).toContain(
    id,
  );
  await new Promise((closed) => receiver.close(closed));
});

describe('a missing body', () => {
  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'application/xml',
    'text/plain',
    'nonsense',
  ])('is accepted in DELETE with the content type %s', async (type) => {
    await bed.api.connect({ user_id: 'delete', scope: YOUTUBE }, { account: ALICE.email });
    const [grant] = (await bed.api.get('/users/delete/grants')).body['grants'] as { id: string }[];
    const { status } = await fetch(`${bed.url}/grants/${grant?.id ?? ''}?mode=local`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${bed.api.key}`, 'content-type': type },
    });
    expect(status).toBe(200);
  });

  test('is accepted where the request is chunked, with no chunk', async () => {
    const response = await sendRaw(
      bed.url,
      `DELETE /grants/5a77c913-b1bb-411f-8e92-3501dac4ad07?mode=local HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bed.api.key}\r\n` +
        'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n',
    );
    expect(response.body).toMatchObject({ code: 'not_found' });
  });

  test('is refused where a body is needed, and its fields are named', async () => {
    const response = await fetch(`${bed.url}/connect/tickets`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bed.api.key}`, 'content-type': 'application/json' },
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      errors: { user_id: expect.any(String), scope: expect.any(String) },
    });
  });
});
