/**
 * What is read together stands together: few small files, none that is smaller than what it says of itself, and few files on the path
 * of a cold read.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { exhaustive } from '../support/exhaustive.js';

const MIN_LINES = 25;
/** What a suffix names is a file of its own, however short; so is what starts a process. */
const MAY_BE_SHORT = /\.(module|dto|response|decorator)\.ts$|^src\/(cli\/)?main\.ts$/;
const SMALL_LINES = 40;
const MAX_SMALL_SHARE = 0.25;
const MAX_COLD_READ_FILES = 25;
/** The service, the grant cache, the refresher, the results of refreshes, and the errors. */
const MAX_CORE_FILES = 5;

describe('the sources', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path) && !/\.test\.|prisma-client/.test(path))
    .map((path) => join('src', path));

  test(`have ${SMALL_LINES} lines or fewer in at most ${MAX_SMALL_SHARE * 100} % of the files`, () => {
    const small = files.filter((path) => linesOf(read(path)) <= SMALL_LINES);
    expect(small.length / files.length).toBeLessThanOrEqual(MAX_SMALL_SHARE);
  });

  test(`have under ${MIN_LINES} lines only as a module, a DTO, a decorator or an entry point`, () => {
    expect(files.filter((path) => isTooShort(path, read(path)))).toEqual([]);
  });

  test.each([
    ['src/domain/plural.ts', MIN_LINES - 1],
    ['src/console/style.controller.ts', MIN_LINES - 1],
    ['src/console/views/parts.tsx', 1],
    ['src/operations/main.ts', 1],
  ])('would be refused with %s of so many lines as %d', (path, lines) => {
    expect(isTooShort(path, 'const x = 1;\n'.repeat(lines))).toBe(true);
  });

  test.each([
    ['src/domain/plural.ts', MIN_LINES],
    ['src/ads/ads.module.ts', 1],
    ['src/cli/main.ts', 1],
  ])('may have %s of so many lines as %d', (path, lines) => {
    expect(isTooShort(path, 'const x = 1;\n'.repeat(lines))).toBe(false);
  });
});

/** It belongs to what it is read with: its only caller, or the file of its subject. */
function isTooShort(path: string, text: string): boolean {
  return linesOf(text) < MIN_LINES && !MAY_BE_SHORT.test(path);
}

function linesOf(text: string): number {
  return text.trimEnd().split('\n').length;
}

/**
 * GET /tokens/:userId, cold, with a refresh: the files whose code is called, found by the compiler. A file is entered only
 * where it is called from, and only in `tokens/` and `access-tokens/`; what those call elsewhere counts and is not entered.
 * Not counted: `domain/` (the vocabulary), `http/` and `config/` (what all routes share), and what a call does not reach.
 */
describe('the code that a cold read runs through', () => {
  const ENTRY = 'src/tokens/tokens.controller.ts';
  const ENTERED = /^src\/(tokens|access-tokens)\//;
  let counted: readonly string[];
  let core: readonly string[];

  beforeAll(() => {
    counted = countedOf(filesCalledFrom(ENTRY, 'get', ENTERED, programOf(ENTRY, ENTERED)));
    core = counted.filter((path) => path.startsWith('src/access-tokens/'));
  });

  test(`is read in at most ${MAX_COLD_READ_FILES} files`, () => {
    expect(tooMany(counted, MAX_COLD_READ_FILES)).toEqual([]);
  });

  test(`and its core in at most ${MAX_CORE_FILES}`, () => {
    expect(tooMany(core, MAX_CORE_FILES)).toEqual([]);
  });

  test('is followed to the database, to Google, and to the waiting for a turn', () => {
    expect(counted).toEqual(
      expect.arrayContaining([
        'src/access-tokens/token-refresher.ts',
        'src/token-store/grants/grants.repository.ts',
        'src/token-store/grants/refresh-lease.repository.ts',
        'src/google/oauth/google-oauth.client.ts',
        'src/outbound/shared-work.ts',
      ]),
    );
  });

  test('is the walk that docs/architecture.md describes', () => {
    const [, walk = ''] = /\n## How a token is served\n(.*?)\n## /s.exec(read('docs/architecture.md')) ?? [];
    const named = new Set(
      [...walk.matchAll(/`([\w-]+(?:\/[\w.-]+)+\.tsx?)`/g)].map(([, path]) => `src/${path}`),
    );
    expect(core.filter((path) => !named.has(path))).toEqual([]);
    const other = [...named].filter((path) => ENTERED.test(path) && !counted.includes(path));
    expect(other).toEqual([]);
    expect(tooMany(countedOf([...named]), MAX_COLD_READ_FILES)).toEqual([]);
  });

  // Some seconds: all packages and their types.
  exhaustive.test('is the same where the compiler knows all that is imported', () => {
    expect(counted).toEqual(countedOf(filesCalledFrom(ENTRY, 'get', ENTERED, programOf(ENTRY))));
  });
});

function countedOf(files: readonly string[]): readonly string[] {
  return files.filter((path) => !/^src\/(domain|http|config)\//.test(path));
}

/** All of them, so that a failure names them; none where they are few enough. */
function tooMany(files: readonly string[], max: number): readonly string[] {
  return files.length > max ? files : [];
}

/** @param importing the files whose own imports are followed, without those of packages; null: all files and packages */
function programOf(entry: string, importing: RegExp | null = null): ts.Program {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile('tsconfig.json', read).config,
    ts.sys,
    '.',
  );
  if (importing === null) return ts.createProgram([entry], options);
  const host = ts.createCompilerHost(options);
  host.resolveModuleNameLiterals = (literals, file) =>
    literals.map(({ text }) =>
      text.startsWith('.') && importing.test(relative('.', file))
        ? ts.resolveModuleName(text, file, options, host)
        : { resolvedModule: undefined },
    );
  return ts.createProgram([entry], { ...options, types: [] }, host);
}

/** The files of what `method` calls, and what that calls within `entered`. An object counts with its constructor and fields. */
function filesCalledFrom(entry: string, method: string, entered: RegExp, program: ts.Program): string[] {
  const checker = program.getTypeChecker();
  const files = new Set<string>();
  const seen = new Set<ts.Node>();

  const enter = (declaration: ts.Node) => {
    if (seen.has(declaration)) return;
    seen.add(declaration);
    const path = relative('.', declaration.getSourceFile().fileName);
    if (!path.startsWith('src/') || isType(declaration)) return;
    files.add(path);
    if (!entered.test(path)) return;
    ts.forEachChild(declaration, visit);
    // What a method calls was made when its object was.
    if (ts.isClassElement(declaration) && ts.isClassDeclaration(declaration.parent)) {
      for (const member of declaration.parent.members) {
        if (ts.isConstructorDeclaration(member) || ts.isPropertyDeclaration(member)) enter(member);
      }
    }
  };
  const visit = (node: ts.Node): void => {
    // A decorator is what the pipeline calls.
    if (ts.isDecorator(node) || ts.isTypeNode(node)) return;
    if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) {
      const symbol = checker.getSymbolAtLocation(node);
      const aliased =
        symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      for (const declaration of aliased?.declarations ?? []) if (isCalled(declaration)) enter(declaration);
    }
    ts.forEachChild(node, visit);
  };

  const source = program.getSourceFile(entry);
  if (!source) throw new Error(`There is no ${entry}.`);
  const start = source.statements
    .filter((statement) => ts.isClassDeclaration(statement))
    .flatMap(({ members }) => [...members])
    .find((member) => member.name?.getText() === method);
  if (!start) throw new Error(`${entry} has no method ${method}.`);
  enter(start);
  return [...files].sort();
}

/** Functions, methods, accessors and constants: what a reader goes to from a call. */
function isCalled(declaration: ts.Node): boolean {
  return (
    ts.isFunctionLike(declaration) ||
    ts.isClassDeclaration(declaration) ||
    (ts.isVariableDeclaration(declaration) && ts.isSourceFile(declaration.parent.parent.parent))
  );
}

function isType(declaration: ts.Node): boolean {
  return ts.isTypeAliasDeclaration(declaration) || ts.isInterfaceDeclaration(declaration);
}

function read(path: string): string {
  return readFileSync(path, 'utf8');
}
