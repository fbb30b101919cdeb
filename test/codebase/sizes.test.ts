/** What is read together stands together: few small files, and few files on the path of a cold read. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { exhaustive } from '../support/exhaustive.js';

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
    const small = files.filter((path) => read(path).trimEnd().split('\n').length <= SMALL_LINES);
    expect(small.length / files.length).toBeLessThanOrEqual(MAX_SMALL_SHARE);
  });
});

/**
 * GET /tokens/:userId, cold, with a refresh: the files whose code is called, found by the compiler. A file is entered only
 * where it is called from, and only in `tokens/` and `access-tokens/`; what those call elsewhere counts and is not entered.
 * Not counted: `domain/` (the vocabulary), `http/` and `config/` (what all routes share), and what a call does not reach.
 */
exhaustive.describe('the code that a cold read runs through', () => {
  let walked: readonly string[];
  let counted: readonly string[];

  beforeAll(() => {
    walked = filesCalledFrom('src/tokens/tokens.controller.ts', 'get', /^src\/(tokens|access-tokens)\//);
    counted = walked.filter((path) => !/^src\/(domain|http|config)\//.test(path));
  });

  test(`is read in at most ${MAX_COLD_READ_FILES} files`, () => {
    expect(tooMany(counted, MAX_COLD_READ_FILES)).toEqual([]);
  });

  test(`and its core in at most ${MAX_CORE_FILES}`, () => {
    const core = walked.filter((path) => path.startsWith('src/access-tokens/'));
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
});

/** All of them, so that a failure names them; none where they are few enough. */
function tooMany(files: readonly string[], max: number): readonly string[] {
  return files.length > max ? files : [];
}

/** The files of what `method` calls, and what that calls within `entered`. An object counts with its constructor and fields. */
function filesCalledFrom(entry: string, method: string, entered: RegExp): string[] {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile('tsconfig.json', (path) => readFileSync(path, 'utf8')).config,
    ts.sys,
    '.',
  );
  const program = ts.createProgram([entry], options);
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
