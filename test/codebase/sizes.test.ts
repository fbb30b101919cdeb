/** What is read together stands together: few small files, and few files on the path of a cold read. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';

const MAX_FILES = 307;
const SMALL_LINES = 40;
const MAX_SMALL_SHARE = 0.25;
const MAX_COLD_READ_FILES = 25;
/** The service, the refresher, its request, the grant cache, the errors; and what is kept of failures and of unsaved refreshes. */
const MAX_CORE_FILES = 7;

describe('the sources', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path) && !/\.test\.|prisma-client/.test(path))
    .map((path) => join('src', path));

  test(`are at most ${MAX_FILES} files`, () => {
    expect(files.length).toBeLessThanOrEqual(MAX_FILES);
  });

  test(`have ${SMALL_LINES} lines or fewer in at most ${MAX_SMALL_SHARE * 100} % of the files`, () => {
    const small = files.filter((path) => read(path).trimEnd().split('\n').length <= SMALL_LINES);
    expect(small.length / files.length).toBeLessThanOrEqual(MAX_SMALL_SHARE);
  });
});

/**
 * GET /tokens/:userId, cold, with a refresh. `domain/` (the vocabulary), `http/` and `config/` (what all routes share) and
 * modules (wiring) are not counted.
 */
describe('the code that a cold read runs through', () => {
  const walked = walk('src/tokens/tokens.controller.ts', /^src\/(tokens|access-tokens)\//);

  test(`is read in at most ${MAX_COLD_READ_FILES} files`, () => {
    const counted = walked.filter((path) => !/^src\/(domain|http|config)\//.test(path));
    expect(tooMany(counted, MAX_COLD_READ_FILES)).toEqual([]);
  });

  test(`and its core in at most ${MAX_CORE_FILES}`, () => {
    const core = walked.filter((path) => path.startsWith('src/access-tokens/'));
    expect(tooMany(core, MAX_CORE_FILES)).toEqual([]);
  });
});

/** All of them, so that a failure names them; none where they are few enough. */
function tooMany(files: readonly string[], max: number): readonly string[] {
  return files.length > max ? files : [];
}

/** The files that a reader comes to from `entry` by imports of values; only those in `through` are followed further. */
function walk(entry: string, through: RegExp): string[] {
  const seen = new Set<string>();
  const open = [entry];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    if (through.test(path)) open.push(...valueImports(path));
  }
  return [...seen].sort();
}

function valueImports(path: string): string[] {
  return ts
    .createSourceFile(path, read(path), ts.ScriptTarget.Latest)
    .statements.filter((statement) => ts.isImportDeclaration(statement))
    .filter(({ importClause }) => {
      if (!importClause) return true;
      if (importClause.phaseModifier === ts.SyntaxKind.TypeKeyword) return false;
      const names = importClause.namedBindings;
      return !names || !ts.isNamedImports(names) || names.elements.some(({ isTypeOnly }) => !isTypeOnly);
    })
    .map(({ moduleSpecifier }) => (moduleSpecifier as ts.StringLiteral).text)
    .filter((specifier) => specifier.startsWith('.') && !specifier.endsWith('.module.js'))
    .map((specifier) => join(dirname(path), specifier).replace(/\.js$/, '.ts'))
    .map((file) => (existsSync(file) ? file : `${file}x`));
}

function read(path: string): string {
  return readFileSync(path, 'utf8');
}
