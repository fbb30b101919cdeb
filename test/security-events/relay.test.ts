/** Security events that are passed on to another cell: what anyone can send must not hold up what Google sends. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { startTestBed, type TestBed } from '../support/test-bed.js';

const LIMIT = 60;
let bed: TestBed;
let peer: Server;
const seen = { deliveries: 0, now: 0, most: 0 };
const reply = { status: 400, delayMs: 0 };

beforeAll(async () => {
  peer = createServer((request, response) => {
    seen.deliveries++;
    seen.most = Math.max(seen.most, ++seen.now);
    request.resume();
    setTimeout(() => {
      seen.now--;
      response.statusCode = reply.status;
      response.end(reply.status === 400 ? '{"err":"invalid_audience"}' : '');
    }, reply.delayMs);
  });
  peer.listen(0, '127.0.0.1');
  await once(peer, 'listening');
  bed = await startTestBed({
    CELL: 'eu1',
    CELL_PEERS: `http://127.0.0.1:${(peer.address() as AddressInfo).port}`,
    SECURITY_EVENT_RATE_LIMIT: String(LIMIT),
  });
});
beforeEach(async () => {
  Object.assign(seen, { deliveries: 0, now: 0, most: 0 });
  Object.assign(reply, { status: 400, delayMs: 0 });
  // The limits of the tests before.
  await bed.restart();
});
afterAll(async () => {
  await bed.stop();
  peer.close();
});

/** Signed by Google for a client of another project. */
async function foreign(): Promise<string> {
  const event = { type: 'verification', audience: 'a-client-of-another-project', to: null };
  return (await bed.google.control.sendSecurityEvent(event)).token;
}

async function send(token: string, headers: Record<string, string> = {}): Promise<number> {
  const response = await fetch(`${bed.url}/security-events/google`, {
    method: 'POST',
    headers: { 'content-type': 'application/secevent+jwt', ...headers },
    body: token,
  });
  await response.text();
  return response.status;
}

test('an event that no cell accepts is passed on once', async () => {
  const token = await foreign();
  for (let each = 0; each < 3; each++) expect(await send(token)).toBe(400);
  expect(seen.deliveries).toBe(1);
  expect(await send(await foreign())).toBe(400);
  expect(seen.deliveries).toBe(2);
});

test('an event for a client of another cell is accepted each time', async () => {
  reply.status = 202;
  const token = await foreign();
  for (let each = 0; each < 2; each++) expect(await send(token)).toBe(202);
  expect(seen.deliveries).toBe(2);
});

test('an address over its limit has nothing passed on for it that concerns no client here', async () => {
  for (let each = 0; each <= LIMIT; each++) await send('junk');
  const before = seen.deliveries;
  expect(await send(await foreign())).toBe(429);
  expect(seen.deliveries).toBe(before);
  reply.status = 202;
  const own = await bed.google.control.sendSecurityEvent({
    type: 'verification',
    to: `${bed.url}/security-events/google`,
  });
  expect(own.status).toBe(202);
  expect(seen.deliveries).toBe(before + 1);
});

test('few events that concern no client here are passed on at a time, and they hold up no others', async () => {
  Object.assign(reply, { status: 202, delayMs: 300 });
  const tokens = await Promise.all(Array.from({ length: 50 }, foreign));
  const attack = Promise.all(tokens.map((token) => send(token)));
  const own = bed.google.control.sendSecurityEvent({
    type: 'verification',
    to: `${bed.url}/security-events/google`,
  });
  expect((await own).status).toBe(202);
  const statuses = await attack;
  expect(seen.most).toBeLessThanOrEqual(5);
  expect(statuses.filter((status) => status === 503).length).toBeGreaterThan(0);
});

test('the refusal of a delivery from another cell does not count for that cell, unless Google did not sign it', async () => {
  const relayed = { 'x-token-broker-relayed': '1' };
  for (let each = 0; each <= LIMIT; each++) expect(await send(await foreign(), relayed)).toBe(400);
  expect(seen.deliveries).toBe(0);
  const statuses: number[] = [];
  for (let each = 0; each <= LIMIT; each++) statuses.push(await send('junk', relayed));
  expect(statuses.slice(0, LIMIT)).toEqual(Array.from({ length: LIMIT }, () => 400));
  expect(statuses.at(-1)).toBe(429);
});
