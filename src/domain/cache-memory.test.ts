import { LRUCache } from 'lru-cache';
import { expect, test } from '@jest/globals';
import { cacheBound, SharedValues } from './cache-memory.js';

test('a cache with a bound of entries forgets the one that was used longest ago', () => {
  const cache = new LRUCache<string, object>(cacheBound(2));
  for (const key of ['a', 'b']) cache.set(key, {});
  cache.get('a');
  cache.set('c', {});
  expect([...cache.keys()].sort()).toEqual(['a', 'c']);
});

test('equal values are one object, and others stay apart', () => {
  const shared = new SharedValues();
  const first = shared.of(['a', 'b']);
  expect(shared.of(['a', 'b'])).toBe(first);
  expect(shared.of(['b', 'a'])).not.toBe(first);
  expect(shared.of(['a,b'])).toEqual(['a,b']);
  expect(shared.of('a')).toBe('a');
  expect(shared.of(null)).toBeNull();
});

test('equal values are two objects again after a thousand others', () => {
  const shared = new SharedValues();
  const first = shared.of(['first']);
  for (let other = 1; other < 1000; other++) shared.of([other]);
  expect(shared.of(['first'])).toBe(first);
  shared.of(['one too many']);
  expect(shared.of(['first'])).not.toBe(first);
  expect(shared.of(['first'])).toEqual(first);
});
