import type { IncomingMessage } from 'node:http';
import { expect, test } from '@jest/globals';
import { ClientAddresses } from './client-address.js';

const PROXY = '10.0.0.1';
const from = (headers: Record<string, string>, remoteAddress = PROXY, proxies = ['10.0.0.0/8']) =>
  new ClientAddresses(proxies).of({ headers, socket: { remoteAddress } } as unknown as IncomingMessage);

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['192.0.2.1:5678', '192.0.2.1'],
  ['  192.0.2.1  ', '192.0.2.1'],
  ['2001:db8::1', '2001:db8::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['[2001:db8::1]:443', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
  // The last that is no trusted proxy; any client can write what stands before it.
  ['192.0.2.9, 192.0.2.1', '192.0.2.1'],
  ['192.0.2.9, 192.0.2.1, 10.1.2.3', '192.0.2.1'],
  ['192.0.2.1,,', '192.0.2.1'],
  [', 192.0.2.1 ,\t,', '192.0.2.1'],
  ['10.9.9.9', '10.9.9.9'],
  ['192.0.2.9, unknown', PROXY],
  ['192.0.2.9, unknown, 10.1.2.3', '10.1.2.3'],
  ['unknown', PROXY],
  ['_hidden', PROXY],
  ['192.0.2', PROXY],
  ['192.0.2.256', PROXY],
  ['192.0.2.1:port', PROXY],
  ['192.0.2.1:123456', PROXY],
  ['[192.0.2.1]', PROXY],
  ['[2001:db8::1', PROXY],
  ['2001:db8::1]:443', PROXY],
  ['"192.0.2.1"', PROXY],
  ["192.0.2.1' OR 1=1", PROXY],
  ['', PROXY],
  [' , ,', PROXY],
])('an X-Forwarded-For of %j names %s', (header, address) => {
  expect(from({ 'x-forwarded-for': header })).toBe(address);
});

test.each([
  ['for=192.0.2.60', '192.0.2.60'],
  ['For="192.0.2.43:47011"', '192.0.2.43'],
  ['for=192.0.2.60;proto=http;by=203.0.113.43', '192.0.2.60'],
  ['proto=http ; FOR=192.0.2.60', '192.0.2.60'],
  ['for="[2001:db8:cafe::17]:4711"', '2001:db8:cafe::17'],
  ['for="[2001:db8:cafe::17]:_port"', '2001:db8:cafe::17'],
  ['for=192.0.2.43, for=198.51.100.17', '198.51.100.17'],
  ['for=192.0.2.43, for=10.2.3.4;by="a,b;c=d"', '192.0.2.43'],
  ['for=192.0.2.43, , for="10\\.2.3.4",', '192.0.2.43'],
  ['for=192.0.2.43, for=unknown', PROXY],
  ['for=192.0.2.43, for=_hidden', PROXY],
  ['for=192.0.2.43, proto=https', PROXY],
  ['for=192.0.2.43;for=192.0.2.44', PROXY],
  ['for=2001:db8::1', PROXY],
  ['for="2001:db8::1"', PROXY],
  ['for="192.0.2.43', PROXY],
  // A quote that is never closed swallows what the proxy appended: nothing of it is believed.
  ['for="192.0.2.43, for=192.0.2.44', PROXY],
  ['192.0.2.43', PROXY],
  ['for', PROXY],
  ['=', PROXY],
  ['', PROXY],
])('a Forwarded header of %j names %s', (header, address) => {
  expect(from({ forwarded: header })).toBe(address);
});

test('X-Forwarded-For counts where both are there, and neither counts from an address that is no proxy', () => {
  const both = { 'x-forwarded-for': '192.0.2.1', forwarded: 'for=192.0.2.2' };
  expect(from(both)).toBe('192.0.2.1');
  expect(from(both, '203.0.113.5')).toBe('203.0.113.5');
  expect(from(both, PROXY, [])).toBe(PROXY);
});

test.each([
  [['loopback'], '127.8.8.8'],
  [['loopback'], '::1'],
  [['linklocal', 'uniquelocal'], '192.168.7.7'],
  [['uniquelocal'], 'fd00::1'],
  [['192.0.2.7'], '192.0.2.7'],
  [['192.0.2.7'], '::ffff:192.0.2.7'],
  [['2001:db8::/32'], '2001:db8:1::1'],
  [['0.0.0.0/0'], '203.0.113.5'],
])('with TRUSTED_PROXIES %j, %s is a trusted proxy', (proxies, address) => {
  expect(new ClientAddresses(proxies).isProxy(address)).toBe(true);
  expect(new ClientAddresses(proxies).isProxy('2606:4700::1')).toBe(false);
});
