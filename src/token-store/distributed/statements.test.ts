import { expect, test } from '@jest/globals';
import { isConcurrent, statementsOf } from './statements.js';

test.each([
  ['two', 'SELECT 1; SELECT 2;', ['SELECT 1', 'SELECT 2']],
  ['a semicolon in a text', `SELECT ';', 'it''s; so'; SELECT 2`, [`SELECT ';', 'it''s; so'`, 'SELECT 2']],
  ['a semicolon in a name', 'SELECT 1 AS ";"; SELECT 2', ['SELECT 1 AS ";"', 'SELECT 2']],
  [
    'a function',
    'CREATE FUNCTION f() AS $$ BEGIN; END $$; SELECT 2',
    ['CREATE FUNCTION f() AS $$ BEGIN; END $$', 'SELECT 2'],
  ],
  [
    'a function in a named quote',
    'DO $body$ $$;$$; $body$; SELECT 2',
    ['DO $body$ $$;$$; $body$', 'SELECT 2'],
  ],
  ['comments', '-- one; it\nSELECT 1 /* ; */; -- the end;\n', ['-- one; it\nSELECT 1 /* ; */']],
  ['nothing', ' \n-- only; a comment', []],
])('a migration with %s is cut into its statements', (_, script, statements) => {
  expect(statementsOf(script)).toEqual(statements);
});

test.each([
  ['CREATE INDEX CONCURRENTLY a ON b (c)', true],
  ['create unique index\n  concurrently a on b (c)', true],
  ['-- not CONCURRENTLY\nCREATE INDEX a ON b (c)', false],
  ['CREATE INDEX /* CONCURRENTLY\nis too slow */ a ON b (c)', false],
])('whether %j is built beside other work is seen, whatever its case and its comments', (statement, is) => {
  expect(isConcurrent(statement)).toBe(is);
});
