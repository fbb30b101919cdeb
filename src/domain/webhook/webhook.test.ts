import { describe, expect, test } from '@jest/globals';
import {
  isWebhookSecret,
  shownAddress,
  takesType,
  webhookErrors,
  type WebhookSpec,
  withOrderedFilters,
} from './webhook.js';

const webhook = (changes: Partial<WebhookSpec> = {}): WebhookSpec => ({
  name: 'app',
  url: 'https://app.example/hooks?key=a',
  events: [],
  services: [],
  ...changes,
});
const secret = (bytes: number) => `whsec_${Buffer.alloc(bytes, 0xfb).toString('base64')}`;

describe('the secret of a webhook', () => {
  test.each([
    [23, false],
    [24, true],
    [25, true],
    [32, true],
    [64, true],
    [65, false],
    [66, false],
  ])('of %d bytes is accepted as %p', (bytes, is) => {
    expect(isWebhookSecret(secret(bytes))).toBe(is);
  });

  test.each([
    '',
    'whsec_',
    secret(32).slice('whsec_'.length),
    secret(32).slice(0, -1),
    `${secret(32)}=`,
    `${secret(32)}\n`,
    ` ${secret(32)}`,
    secret(32).replace('+', '-'),
    secret(32).replace('whsec_', 'WHSEC_'),
    `whsec_${'ä'.repeat(32)}`,
  ])('is not %j', (text) => {
    expect(isWebhookSecret(text)).toBe(false);
  });
});

describe('a webhook', () => {
  test.each<Partial<WebhookSpec>>([
    {},
    { name: 'a'.repeat(80) },
    { name: '9. my_app - EU' },
    { url: 'http://receiver.internal:8080/' },
    { url: 'https://bücher.example/' },
    { events: ['grant.connected', 'slots.nearly_full'] },
  ])('may have %j', (changes) => {
    expect(webhookErrors(webhook(changes))).toEqual({});
  });

  test.each<[string, Partial<WebhookSpec>]>([
    ['name', { name: '' }],
    ['name', { name: 'a'.repeat(81) }],
    ['name', { name: ' app' }],
    ['name', { name: 'app\n' }],
    ['name', { name: 'äpp' }],
    ['url', { url: '' }],
    ['url', { url: 'app.example' }],
    ['url', { url: 'ftp://app.example/' }],
    ['url', { url: 'https://user@app.example/' }],
    ['url', { url: 'https://:secret@app.example/' }],
    ['url', { url: 'https://app.example/#a' }],
    ['url', { url: 'https://app.example/a b' }],
    ['url', { url: 'https://app\u200b.example/' }],
    ['url', { url: `https://app.example/${'a'.repeat(2000)}` }],
    ['events', { events: ['grant.connected', 'grant.unknown'] }],
    ['events', { events: ['webhook.test'] }],
    ['events', { events: [''] }],
  ])('is refused by its %s where it has %j', (field, changes) => {
    expect(Object.keys(webhookErrors(webhook(changes)))).toEqual([field]);
  });

  test('takes every type where it names none, and otherwise those that it names', () => {
    expect(takesType(webhook(), 'grant.connected')).toBe(true);
    const some = webhook({ events: ['grant.expiring'] });
    expect([takesType(some, 'grant.expiring'), takesType(some, 'grant.connected')]).toEqual([true, false]);
  });
});

describe('of the address of a webhook', () => {
  test.each([
    ['https://hooks.example.com/services/T0/B0/secret?key=secret#secret', 'https://hooks.example.com'],
    ['https://secret:secret@hooks.example.com/secret', 'https://hooks.example.com'],
    ['http://hooks:8080/secret', 'http://hooks:8080'],
    ['secret', null],
    ['', null],
  ])('%j only the origin is shown', (url, shown) => {
    expect(shownAddress({ url })).toBe(shown);
  });
});

test('the filters of a webhook are sets', () => {
  const filters = {
    events: ['grant.imported', 'grant.connected', 'grant.imported'],
    services: ['b', 'a', 'b'],
  };
  expect(withOrderedFilters(webhook(filters))).toEqual(
    webhook({ events: ['grant.connected', 'grant.imported'], services: ['a', 'b'] }),
  );
});
