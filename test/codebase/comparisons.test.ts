/** Equal means equal: the linter finds comparisons in which text from outside would be a pattern, each broken on purpose. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { ESLint } from 'eslint';

const VIOLATIONS: readonly [string, string][] = [
  ['Prisma without case', `export const where = { email: { equals: 'a', mode: 'insensitive' } };`],
  ['a prefix in Prisma', `export const where = { userId: { startsWith: 'a' } };`],
  ['an ending in Prisma', `export const where = { userId: { endsWith: 'a' } };`],
  ['a part in Prisma', `export const where = { userId: { contains: 'a' } };`],
  ['LIKE in SQL', `export const sql = (a: string) => \`SELECT 1 FROM grants WHERE user_id LIKE \${a}\`;`],
  [
    'LIKE with a part of the pattern',
    `export const sql = "SELECT 1 FROM grants WHERE user_id LIKE '%' || $1";`,
  ],
  ['ILIKE in SQL', `export const sql = 'SELECT 1 FROM grants WHERE account_email ILIKE $1';`],
  ['LIKE as an operator', `export const sql = 'SELECT 1 FROM grants WHERE account_email ~~* $1';`],
  ['SIMILAR TO', `export const sql = 'SELECT 1 FROM grants WHERE user_id SIMILAR TO $1';`],
  ['a regular expression in SQL', `export const sql = 'SELECT 1 FROM grants WHERE user_id ~ $1';`],
  ['a regular expression of text', `export const isIn = (a: string, b: string) => new RegExp(a).test(b);`],
  ['lower case on one side', `export const isSame = (a: string, b: string) => a.toLowerCase() === b;`],
];

const RIGHT = [
  `export const isPrefix = (a: string, b: string) => a.startsWith(b);`,
  `export const sql = 'SELECT 1 FROM grants WHERE lower(account_email COLLATE "C") = lower($1::text COLLATE "C")';`,
  `export const sql = "SELECT 1 FROM pg_proc WHERE prosrc LIKE '%it''s%')";`,
  `export const isBearer = (a: string) => a.toLowerCase() === 'bearer';`,
  `export const said = 'A connect like the one before.';`,
];

describe('the linter on comparisons', () => {
  /** The rules that a line breaks, by its index. */
  const found = new Map<number, string[]>();

  beforeAll(async () => {
    // One file with an example a line.
    const lines = [...VIOLATIONS.map(([, code]) => code), ...RIGHT].map((code, index) =>
      code.replace(/^export const (\w+)/, `export const $1${index}`),
    );
    const filePath = 'src/token-store/grants/grant-lists.repository.ts';
    const [result] = await new ESLint().lintText(lines.join('\n'), { filePath });
    for (const { line, ruleId } of result?.messages ?? [])
      found.set(line - 1, [...(found.get(line - 1) ?? []), ruleId ?? 'syntax']);
  });

  test.each(VIOLATIONS.map(([name], index) => [name, index] as const))('finds %s', (_, index) => {
    expect(found.get(index)).toEqual(['no-restricted-syntax']);
  });

  test.each(RIGHT.map((code, index) => [code, VIOLATIONS.length + index] as const))(
    'accepts %s',
    (_, index) => {
      expect(found.get(index)).toBeUndefined();
    },
  );
});
