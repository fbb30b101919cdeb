/** Files that comments name are there: who reads one follows it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { sources } from '../support/sources.js';

describe('a path that a comment of src/ or of the schema names', () => {
  const PATH = /(?<![\w/.~-])(?:\.{1,2}\/|[\w-]+\/)[\w./-]*[\w-]\.(?:tsx?|mjs|md|sql|prisma)\b/g;
  /** From the root, from a folder that the sources stand in, or from one above the file itself. */
  const isThere = (path: string, from: string) =>
    ['.', 'test', 'docs', ...foldersAbove(from)].some((base) => existsSync(join(base, path)));

  test('exists', () => {
    const missing = [...sources('src'), 'prisma/schema.prisma'].flatMap((file) =>
      commentsOf(readFileSync(file, 'utf8'))
        .flatMap((comment) => comment.match(PATH) ?? [])
        .filter((path) => !isThere(path, file))
        .map((path) => `${file}: ${path}`),
    );
    expect(missing).toEqual([]);
  });

  test('is found in each kind of comment', () => {
    const source =
      '/** In a/one.ts */\ncall(); // as b/two.md says\n /// ./three.sql\n const url = "x/no.ts";';
    expect(commentsOf(source).flatMap((comment) => comment.match(PATH) ?? [])).toEqual([
      'a/one.ts',
      'b/two.md',
      './three.sql',
    ]);
  });
});

function foldersAbove(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

function commentsOf(text: string): string[] {
  return text.match(/\/\*[^]*?\*\/|(?<![:'"`])\/\/.*$/gm) ?? [];
}
