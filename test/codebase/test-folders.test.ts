/**
 * Tests stand in folders by flow, and CONTRIBUTING.md says which. Owns that comparison, and that paths of tests which documents and
 * scripts name exist. Does not own the names of tests (test-names.test.ts), nor paths in comments of src/ (named-files.test.ts).
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const entries = readdirSync('test', { withFileTypes: true });

test('no test file stands beside the folders of test/', () => {
  expect(entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name)).toEqual([]);
});

test('each folder of test/ has its place in the table of CONTRIBUTING.md, and nothing else has', () => {
  const [, table = ''] =
    /^\| `test\/`.*\n\|[ -|]*\n((?:\|.*\n)+)/m.exec(readFileSync('CONTRIBUTING.md', 'utf8')) ?? [];
  const named = table
    .split('\n')
    .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([\w-]+)\/`/g)])
    .map(([, name]) => name);
  expect(named.toSorted()).toEqual(entries.map(({ name }) => name).toSorted());
});

test('each test that a document, a script or a file of deploy/ names is there', () => {
  const named = ['.', 'docs', 'scripts', 'deploy', '.ci', '.github'].flatMap((folder) =>
    readdirSync(folder, { recursive: folder !== '.', withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(md|mjs|cjs|json|conf|ya?ml)$|^run$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .flatMap((file) =>
        [...readFileSync(file, 'utf8').matchAll(/(?<![\w./-])test\/[\w/-]+\.(?:test\.tsx?|mjs|ts)\b/g)].map(
          ([path]) => ({ file, path }),
        ),
      ),
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter(({ path }) => !existsSync(path))).toEqual([]);
});
