/** Which of several hosts in a URL is chosen, with proxies of one real server in their place: all take writes, on one timeline. */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { Secret } from '../../src/domain/secret.js';
import { AddressSource } from '../../src/token-store/client/address-source.js';
import { chooseHost } from '../../src/token-store/client/choose-host.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

const server = () => new URL(process.env['TEST_POSTGRES_URL'] ?? '');
const closing: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

async function place(delayMs = 0): Promise<number> {
  const proxy = await startTcpProxy(Number(server().port), delayMs);
  closing.push(() => proxy.close());
  return proxy.port;
}

/** A server that accepts connections and says nothing. */
async function mute(): Promise<number> {
  const listener = createServer(() => undefined);
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  closing.push(() => listener.close());
  return (listener.address() as AddressInfo).port;
}

function sourceOf(...ports: number[]): AddressSource {
  const { username, password } = server();
  const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',');
  return new AddressSource(new Secret(`postgresql://${username}:${password}@${hosts}/postgres`));
}

const chosen = async (source: AddressSource) => (await chooseHost(source, source.current())).port;

test('of two equal primaries every replica chooses the first in the URL, whichever it used before', async () => {
  const [one, other] = [await place(), await place()];
  const source = sourceOf(one, other);
  source.preferred = 1;
  expect(await chosen(source)).toBe(one);
  expect(source).toMatchObject({ preferred: 0, isSplit: true });
});

test('a primary that answers late is waited for', async () => {
  const [late, early] = [await place(600), await place()];
  const source = sourceOf(late, early);
  source.preferred = 1;
  expect(await chosen(source)).toBe(late);
});

test('a host that says nothing is remembered until it answers', async () => {
  const [silent, one] = [await mute(), await place()];
  const source = sourceOf(silent, one);
  expect(await chosen(source)).toBe(one);
  expect([...source.silent]).toEqual([`127.0.0.1:${silent}`]);
  const both = sourceOf(await place(), one);
  both.silent.add(`127.0.0.1:${one}`);
  await chosen(both);
  expect([...both.silent]).toEqual([]);
});
