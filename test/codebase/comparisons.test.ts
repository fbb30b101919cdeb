/** Equal means equal: the linter finds comparisons in which text from outside would be a pattern, each broken on purpose. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

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

interface Diagnostic {
  readonly code: string;
  readonly labels: readonly { readonly span: { readonly line: number } }[];
}

describe('the linter on comparisons', () => {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-comparisons-'));
  /** What it says of a line, by its index. */
  const found = new Map<number, string[]>();

  beforeAll(() => {
    // One file with an example a line, at a place where the rule holds.
    const lines = [...VIOLATIONS.map(([, code]) => code), ...RIGHT].map((code, index) =>
      code.replace(/^export const (\w+)/, `export const $1${index}`),
    );
    const path = join(folder, 'src/token-store/grants/grant-lists.repository.ts');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, lines.join('\n'));
    const [configuration, plugin] = ['.oxlintrc.json', 'scripts/comparison-rules.mjs'];
    cpSync(plugin, join(folder, plugin));
    // Without types, which no comparison needs.
    const rules = JSON.parse(readFileSync(configuration, 'utf8')) as object;
    writeFileSync(join(folder, configuration), JSON.stringify({ ...rules, options: {} }));
    const { stdout } = spawnSync('oxlint', ['--format', 'json'], { cwd: folder, encoding: 'utf8' });
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: Diagnostic[] };
    for (const { code, labels } of diagnostics) {
      const index = (labels[0]?.span.line ?? 0) - 1;
      found.set(index, [...(found.get(index) ?? []), code]);
    }
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(VIOLATIONS.map(([name], index) => [name, index] as const))('finds %s', (_, index) => {
    expect(found.get(index)).toEqual(['comparison(whole-text)']);
  });

  test.each(RIGHT.map((code, index) => [code, VIOLATIONS.length + index] as const))(
    'accepts %s',
    (_, index) => {
      expect(found.get(index)).toBeUndefined();
    },
  );
});
