import { format, inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import { Secret } from './secret.js';

const VALUE = '1//a-refresh-token';
const secret = new Secret(VALUE);

test.each<[string, (held: unknown) => string]>([
  ['a template', (held) => `a ${String(held)}`],
  ['JSON', (held) => JSON.stringify({ held, list: [held] })],
  [
    'a log of Node.js',
    (held) => inspect({ deep: { held } }, { depth: null, showHidden: true, getters: true }),
  ],
  ['a format', (held) => format('%s %o %O %j', held, held, held, held)],
  ['its keys', (held) => JSON.stringify(Object.getOwnPropertyDescriptors(held))],
  ['an error', (held) => inspect(new Error('failed', { cause: held }))],
  ['a copy', (held) => JSON.stringify([{ ...(held as object) }, structuredClone({ ...(held as object) })])],
])('a secret is not shown by %s', (_, show) => {
  expect(show(secret)).not.toContain(VALUE);
});

test('a secret says that it is one, and is revealed where that is asked for', () => {
  expect([String(secret), JSON.stringify(secret), inspect(secret)]).toEqual([
    '[redacted]',
    '"[redacted]"',
    '[redacted]',
  ]);
  expect(secret.reveal()).toBe(VALUE);
  expect([secret.equals(new Secret(VALUE)), secret.equals(new Secret(`${VALUE}.`))]).toEqual([true, false]);
});
