/**
 * The names of tests. They are sentences about what holds, because a failed run shows nothing else. Grammar is not checked,
 * only what no sentence has: a colon after a label, one or two words, a value alone.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import ts from 'typescript';

/** Names of describe blocks, the outermost first, and of the test. */
type Name = readonly string[];

const files = ['src', 'test'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => join(folder, path)),
);

test('every test has the name of a sentence', () => {
  const faults = files.flatMap((path) =>
    namesIn(readFileSync(path, 'utf8'))
      .filter((name) => faultOf(name) !== null)
      .map((name) => `${path}: ${faultOf(name) ?? ''}: ${name.join(' › ')}`),
  );
  expect(faults).toEqual([]);
});

test.each([
  ["test('success', f)", 'is too short'],
  ["describe('the outcome', () => { test('denied', f); });", null],
  ["describe('a user', () => { test.each(users)('%s', f); });", 'is a value alone'],
  ["test('faulty --wait: wrong usage', f)", 'has a label with a colon'],
  ["test.each(names)('%s: refused with 400, nothing is stored', f, 1)", 'has a label with a colon'],
  ["test('A caller gets its token.', f)", 'ends with a full stop'],
  ["exhaustive.test.each(names)('A caller gets its token.', f)", 'ends with a full stop'],
  ["test('a revoked grant gives no token', f)", null],
])('of %s the check says %p', (source, fault) => {
  expect(namesIn(source).map(faultOf)).toEqual([fault]);
});

function faultOf(name: Name): string | null {
  const own = name.at(-1) ?? '';
  if (/^%\w$/.test(own)) return 'is a value alone';
  if (name.some((part) => /: /.test(part))) return 'has a label with a colon';
  if (own.endsWith('.')) return 'ends with a full stop';
  return name.join(' ').split(' ').length < 3 ? 'is too short' : null;
}

function namesIn(source: string): Name[] {
  const names: Name[] = [];
  const visit = (node: ts.Node, blocks: Name) => {
    const found = ts.isCallExpression(node) ? named(node) : null;
    if (found?.kind === 'test') names.push([...blocks, found.text]);
    const inside = found?.kind === 'describe' ? [...blocks, found.text] : blocks;
    ts.forEachChild(node, (child) => {
      visit(child, inside);
    });
  };
  visit(ts.createSourceFile('x.ts', source, ts.ScriptTarget.Latest), []);
  return names;
}

/** A call of `test` or `describe`, also by way of `each`; one whose name is computed is not checked. */
function named({ expression, arguments: [first, ...others] }: ts.CallExpression) {
  if (first === undefined || !ts.isStringLiteralLike(first) || others.length === 0) return null;
  let callee: ts.Expression = expression;
  let member = '';
  while (ts.isCallExpression(callee) || ts.isPropertyAccessExpression(callee)) {
    if (ts.isPropertyAccessExpression(callee)) member = callee.name.text;
    callee = callee.expression;
  }
  if (!ts.isIdentifier(callee)) return null;
  // `exhaustive.test` is a test as any.
  const kind = callee.text === 'exhaustive' ? member : callee.text;
  return kind === 'test' || kind === 'describe' ? { kind, text: first.text } : null;
}
