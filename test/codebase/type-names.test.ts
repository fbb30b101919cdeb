/** One name for one thing: a type's name means the same in every file, so that a search for it leads to one declaration. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import ts from 'typescript';

/** What a file's own helpers may be called: they name a role in that file, and are never exported. */
const LOCAL = new Set(['Options', 'Row']);

interface Declaration {
  readonly path: string;
  readonly name: string;
  readonly isExported: boolean;
  /** Without comments, line breaks and `export`: what makes two declarations the same type. */
  readonly body: () => string;
}

const printer = ts.createPrinter({ removeComments: true });

test('no name of a type is declared in two files with different bodies', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path) && !/\.test\.|prisma-client/.test(path))
    .map((path) => join('src', path));
  const declared = files.flatMap((path) => declarationsIn(path, readFileSync(path, 'utf8')));
  expect(declared.length).toBeGreaterThan(1000);
  expect(ambiguous(declared)).toEqual([]);
});

test.each([
  ['interfaces', 'interface Place { a: 1 }', 'export interface Place { b: 1 }'],
  ['a class and an interface', 'export class Place { a = 1 }', 'interface Place { a: 1 }'],
  ['a type and an enumeration', 'type Place = string;', 'enum Place { A }'],
  ['an exported name of the list', 'export interface Row { a: 1 }', 'interface Row { b: 1 }'],
])('would be refused with two %s', (_, one, other) => {
  expect(ambiguous([...declarationsIn('a.ts', one), ...declarationsIn('b.ts', other)])).toEqual([
    expect.stringMatching(/^(Place|Row): a\.ts, b\.ts$/),
  ]);
});

test.each([
  ['the same body', '/** One. */\nexport type Place = { a: 1 };', 'type Place = {\n  a: 1;\n};'],
  ['a local name of the list', 'interface Row { a: 1 }', 'interface Row { b: 1 }'],
  ['an addition to a package', 'interface Place { a: 1 }', "declare module 'x' { interface Place { b: 1 } }"],
])('may be twice with %s', (_, one, other) => {
  expect(ambiguous([...declarationsIn('a.ts', one), ...declarationsIn('b.ts', other)])).toEqual([]);
});

function declarationsIn(path: string, text: string): Declaration[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
  return source.statements.flatMap((node) => {
    if (!isType(node) || !node.name) return [];
    const isExported = node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
    const body = () =>
      printer
        .printNode(ts.EmitHint.Unspecified, node, source)
        .replace(/^export /m, '')
        .replace(/\s+/g, ' ');
    return [{ path, name: node.name.text, isExported, body }];
  });
}

function isType(node: ts.Node) {
  return (
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isEnumDeclaration(node)
  );
}

function ambiguous(declared: readonly Declaration[]): string[] {
  return [...Map.groupBy(declared, ({ name }) => name)]
    .filter(([name, all]) => all.length > 1 && !(LOCAL.has(name) && all.every((each) => !each.isExported)))
    .filter(([, all]) => new Set(all.map(({ body }) => body())).size > 1)
    .map(([name, all]) => `${name}: ${all.map(({ path }) => path).join(', ')}`);
}
