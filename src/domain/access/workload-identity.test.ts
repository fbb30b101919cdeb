import { describe, expect, test } from '@jest/globals';
import {
  isSubject,
  isTrustDomain,
  looksLikeJwt,
  nameOfTrustDomain,
  trustDomainNamed,
  trustDomainOf,
} from './workload-identity.js';

test.each([
  [nameOfTrustDomain('example.org'), 'example.org'],
  ['spiffe://', ''],
  ['https://issuer.example.org', null],
  ['https://issuer.example.org/spiffe://a', null],
])('the name %j is that of the trust domain %j', (name, domain) => {
  expect(trustDomainNamed(name)).toBe(domain);
});

describe('a SPIFFE ID', () => {
  test.each([
    ['spiffe://prod.example.com/ns/reports/sa/nightly', 'spiffe://prod.example.com'],
    ['spiffe://a_b-c.9/X._-9', 'spiffe://a_b-c.9'],
    [`spiffe://${'a'.repeat(255)}/x`, `spiffe://${'a'.repeat(255)}`],
    ['spiffe://d/...', 'spiffe://d'],
    [`spiffe://d/${'a'.repeat(2048 - 11)}`, 'spiffe://d'],
  ])('%s is of a workload in %s', (id, domain) => {
    expect(trustDomainOf(id)).toBe(domain);
  });

  test.each([
    'spiffe://prod.example.com',
    'spiffe://prod.example.com/',
    'spiffe://prod.example.com/a/',
    'spiffe://prod.example.com//a',
    'spiffe://prod.example.com/a/../b',
    'spiffe://prod.example.com/.',
    'spiffe://Prod.example.com/a',
    'SPIFFE://prod.example.com/a',
    'spiffe://prod.example.com:443/a',
    'spiffe://user@prod.example.com/a',
    'spiffe://prod.example.com/a?b',
    'spiffe://prod.example.com/a#b',
    'spiffe://prod.example.com/%61',
    'spiffe://prod.example.com/ü',
    'spiffe://prod.example.com/a\n',
    ' spiffe://prod.example.com/a',
    'https://prod.example.com/a',
    'spiffe:///a',
    '',
    `spiffe://${'a'.repeat(256)}/x`,
    `spiffe://d/${'a'.repeat(2048 - 10)}`,
  ])('%j names no workload', (id) => {
    expect(trustDomainOf(id)).toBeNull();
  });
});

test.each([
  ['prod.example.com', true],
  ['a'.repeat(255), true],
  ['a'.repeat(256), false],
  ['', false],
  ['Prod', false],
  ['a/b', false],
  ['a\n', false],
  ['spiffe://a', false],
])('a trust domain is decided for %j as %p', (text, is) => {
  expect(isTrustDomain(text)).toBe(is);
});

test.each([
  ['repo:octo/app:ref:refs/heads/main', true],
  ['~', true],
  ['a'.repeat(2048), true],
  ['a'.repeat(2049), false],
  ['', false],
  ['a b', false],
  ['a\n', false],
  ['\u007f', false],
  ['müller', false],
  [7, false],
  [['a'], false],
  [undefined, false],
])('a subject is decided for %j as %p', (text, is) => {
  expect(isSubject(text)).toBe(is);
});

test.each([
  ['eyJh.eyJz.c2ln', true],
  ['a-_9.b.', true],
  ['a.b', false],
  ['a.b.c.d', false],
  ['.b.c', false],
  ['a..c', false],
  ['a.b.c=', false],
  ['a.b.c\n', false],
  ['tbk_abc', false],
])('the form of a JWT is decided for %j as %p', (text, is) => {
  expect(looksLikeJwt(text)).toBe(is);
});
