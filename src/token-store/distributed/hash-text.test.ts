import { expect, test } from '@jest/globals';
import { hashText } from './hash-text.js';

/** SELECT hashtext(…) of PostgreSQL 15. */
const OF_POSTGRESQL: readonly (readonly [string, number])[] = [
  ['', -1477818771],
  ['a', 1075015857],
  ['user-1', -558825088],
  ['müller', -1337424610],
  ['用户-42', 1180028846],
  ['😀', 1734229978],
  ['a==/b%20_x', 1902393961],
  ['abcdefghijk', -1483803693],
  ['abcdefghijkl', -1586087212],
  ['abcdefghijklm', 405849808],
  ['auth0|5f7c1a2b3c4d', -448854140],
];

test.each(OF_POSTGRESQL)('%j has the hash that PostgreSQL gives it', (text, hash) => {
  expect(hashText(text)).toBe(hash);
});
