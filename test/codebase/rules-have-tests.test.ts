/** A rule of the domain has its test beside it: a file of src/domain/ that exports a function, except the few that say why not. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import ts from 'typescript';

/** The file, and what tests it instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'src/domain/ads/ads-failure.ts': 'a table; src/google/ads/classify-ads-failure.test.ts',
  'src/domain/errors.ts': 'it builds errors; test/docs/docs.test.ts and those who throw them',
  'src/domain/google/risc-failures.ts': 'a table; test/cli/risc.test.ts',
  'src/domain/google/service-account.ts': 'a table; test/grants/service-accounts.test.ts',
  'src/domain/metrics/cache-meter.ts': 'what it counts is seen in test/operations/metrics.test.ts only',
  'src/domain/metrics/definition.ts': 'as cache-meter.ts',
  'src/domain/metrics/google-metrics.ts': 'as cache-meter.ts',
  'src/domain/metrics/instruments.ts': 'as cache-meter.ts',
  'src/domain/metrics/meter.ts': 'as cache-meter.ts',
  'src/domain/redirect-uri/parsed-uri.ts': 'half of the rule in redirect-uri.ts, and tested with it',
};

const files = readdirSync('src/domain', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .map((path) => join('src/domain', path));
const untested = files.filter(
  (path) => exportsFunction(readFileSync(path, 'utf8')) && !existsSync(path.replace(/\.ts$/, '.test.ts')),
);

test('every rule of the domain has its test beside it, but those that are tested elsewhere', () => {
  expect(untested.sort()).toEqual(Object.keys(ELSEWHERE).sort());
});

test.each([
  ['export function isRule() { return true; }', true],
  ['export async function isRule() { return true; }', true],
  ['export const isRule = () => true;', true],
  ['export const isRule = function () { return true; };', true],
  ['function isRule() { return true; }', false],
  ['export interface Rule { isRule(): boolean }', false],
  ['export type Rule = () => boolean;', false],
  ["export const RULES = ['a'].map((rule) => rule);", false],
  ['export class Data { constructor(readonly value: string) {} }', false],
  ['export class Rules { isRule() { return true; } }', true],
  ['export abstract class Port { abstract isRule(): boolean }', false],
  ['export class Rules { get rule() { return true; } }', false],
])('of %s the check says %p', (source, is) => {
  expect(exportsFunction(source)).toBe(is);
});

/** Or a class that does something: with a method of its own. */
function exportsFunction(source: string): boolean {
  return ts.createSourceFile('x.ts', source, ts.ScriptTarget.Latest).statements.some((statement) => {
    const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
    if (!modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return false;
    if (ts.isFunctionDeclaration(statement)) return true;
    if (ts.isClassDeclaration(statement))
      return statement.members.some((member) => ts.isMethodDeclaration(member) && member.body !== undefined);
    return (
      ts.isVariableStatement(statement) &&
      statement.declarationList.declarations.some(
        ({ initializer }) =>
          initializer !== undefined &&
          (ts.isArrowFunction(initializer) || ts.isFunctionExpression(initializer)),
      )
    );
  });
}
