/** A suffix says what a file is: what comes in over a route is in a .dto, what goes out in a .response, and a controller is one class. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { sources } from '../support/sources.js';

const SUFFIXES = new Set([
  ...[
    'module',
    'controller',
    'guard',
    'interceptor',
    'filter',
    'pipe',
    'decorator',
    'dto',
    'repository',
    'service',
  ],
  ...['response', 'client', 'hook', 'job'],
]);
/** Texts by language: problems.fr.ts */
const LANGUAGES = new Set(['de', 'en', 'fr', 'id']);
const GOES_OUT = /Response$/;
/** Of a class that the validation pipe fills. */
const COMES_IN = /(Dto|Query|Form|Parameters)$/;

const files = sources('src').filter((path) => !path.includes('.test.'));

test('a suffix of src/ is one that docs/architecture.md explains', () => {
  expect(files.filter((path) => !hasKnownSuffix(path))).toEqual([]);
  const [, paragraph = ''] =
    /\nA file has a suffix (.*?)\n\n/s.exec(readFileSync('docs/architecture.md', 'utf8')) ?? [];
  expect([...SUFFIXES].filter((suffix) => !paragraph.includes(`\`.${suffix}\``))).toEqual([]);
});

test('what comes in stands in .dto files, what goes out in .response files, and a controller is the only export of its file', () => {
  expect(files.flatMap((path) => misplaced(path, readFileSync(path, 'utf8')))).toEqual([]);
});

describe('the rule', () => {
  const FIELD = '{ @IsString() a!: string }';

  test.each(['src/tokens/token.query.ts', 'src/tokens/authz.request.ts', 'src/ads/ads.mapper.ts'])(
    'refuses the name %s',
    (path) => {
      expect(hasKnownSuffix(path)).toBe(false);
    },
  );

  test.each(['src/tokens/token.dto.ts', 'src/pages/messages/problems.fr.ts', 'src/serve.ts'])(
    'allows the name %s',
    (path) => {
      expect(hasKnownSuffix(path)).toBe(true);
    },
  );

  test.each([
    ['a.dto.ts', `export class AuditResponse ${FIELD}`],
    ['a.dto.ts', 'export interface AuditResponse { a: string }'],
    ['a.response.ts', `export class AuditDto ${FIELD}`],
    ['a.response.ts', `class AuditQuery ${FIELD}`],
    ['a.controller.ts', `export class AController {} class AuditQuery ${FIELD}`],
    ['a.ts', `class Plain ${FIELD}`],
    ['a.controller.ts', 'export class AController {} export class BController {}'],
    ['a.controller.ts', 'export const LIMIT = 1; export class AController {}'],
  ])('refuses in %s %s', (path, text) => {
    expect(misplaced(path, text)).toEqual([expect.stringContaining(path)]);
  });

  test.each([
    ['a.dto.ts', `export class AuditQuery ${FIELD} export function readAudit() {}`],
    ['a.response.ts', `class Part ${FIELD} export class AuditResponse ${FIELD}`],
    ['a.controller.ts', 'const LIMIT = 1; export class AController {}'],
    ['a.ts', 'export class WarmPath { serve() {} }'],
  ])('allows in %s %s', (path, text) => {
    expect(misplaced(path, text)).toEqual([]);
  });
});

function hasKnownSuffix(path: string): boolean {
  const [, suffix] = /\.([^.]+)\.tsx?$/.exec(basename(path)) ?? [];
  return suffix === undefined || SUFFIXES.has(suffix) || LANGUAGES.has(suffix);
}

/** What stands in a file of another suffix: the file, and the names. */
function misplaced(path: string, text: string): string[] {
  const { statements } = ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
  if (path.endsWith('.controller.ts') && statements.filter(isExported).length > 1)
    return [`${path}: exports more than its controller`];
  const isDto = path.endsWith('.dto.ts');
  const isResponse = path.endsWith('.response.ts');
  const wrong = statements.filter((statement) => {
    if (!ts.isClassDeclaration(statement) && !ts.isInterfaceDeclaration(statement)) return false;
    const name = statement.name?.text ?? '';
    if (isDto) return GOES_OUT.test(name);
    const isShape = ts.isClassDeclaration(statement) && statement.members.some(isDecoratedField);
    return isShape && (isResponse ? COMES_IN.test(name) : true);
  });
  return wrong.map((statement) => `${path}: ${(statement as ts.ClassDeclaration).name?.text}`);
}

/** class-validator and @nestjs/swagger decorate the fields of what comes in and goes out. */
function isDecoratedField(member: ts.ClassElement): boolean {
  return ts.isPropertyDeclaration(member) && (ts.getDecorators(member) ?? []).length > 0;
}

function isExported(statement: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
  return modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
}
