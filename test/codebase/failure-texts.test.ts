/** What a failure of Google's means, and what to do, is written once: in the tables. Others take it from there. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { ADS_FAILURES } from '../../src/domain/ads/ads-failure.js';
import { DEAD_GRANTS, type DeadGrantRow } from '../../src/domain/google/dead-grants.js';
import {
  AUTHORIZATION_RESPONSE_FAILURES,
  TOKEN_ENDPOINT_FAILURES,
} from '../../src/domain/google/oauth-failures.js';
import { LOCAL_FAILURES } from '../../src/domain/google/local-failures.js';
import { RISC_FAILURES, UNKNOWN_RISC_FAILURE } from '../../src/domain/google/risc-failures.js';
import {
  SERVICE_ACCOUNT_FAILURES,
  UNKNOWN_SERVICE_ACCOUNT_FAILURE,
} from '../../src/domain/google/service-account.js';

const TABLES =
  /^src\/domain\/(google\/(oauth-failures|local-failures|dead-grants|service-account|risc-failures)|ads\/ads-failure)\.ts$/;
/** So many words in a row are a copy. Shorter sentences, such as "Try again soon.", are common English. */
const RUN = 6;

const rows: readonly Pick<DeadGrantRow, 'meaning' | 'remedy' | 'reported'>[] = [
  ...TOKEN_ENDPOINT_FAILURES,
  ...LOCAL_FAILURES,
  ...AUTHORIZATION_RESPONSE_FAILURES,
  ...Object.values<DeadGrantRow>(DEAD_GRANTS),
  ...SERVICE_ACCOUNT_FAILURES,
  UNKNOWN_SERVICE_ACCOUNT_FAILURE,
  ...RISC_FAILURES,
  UNKNOWN_RISC_FAILURE,
  ...ADS_FAILURES,
];
const sentences = rows
  .flatMap((row) => [row.meaning, row.remedy, row.reported])
  .flatMap((text) => text?.split(/(?<=[.;:]) /) ?? []);
const runs = new Set(sentences.flatMap((sentence) => runsOf(wordsOf(sentence))));

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((path) => join('src', path))
  .filter((path) => /\.tsx?$/.test(path) && !/\.test\.|prisma-client/.test(path));

describe('a text of the tables of failures', () => {
  test('stands nowhere else in src/', () => {
    const copies = files
      .filter((path) => !TABLES.test(path))
      .flatMap((path) => copiesIn(readFileSync(path, 'utf8')).map((copy) => `${path}: ${copy}`));
    expect(copies).toEqual([]);
  });

  test('is found in the tables, where each one stands', () => {
    const found = new Set(
      files.filter((path) => TABLES.test(path)).flatMap((path) => copiesIn(readFileSync(path, 'utf8'))),
    );
    expect([...runs].filter((run) => !found.has(run))).toEqual([]);
    expect(runs.size).toBeGreaterThan(300);
  });

  test.each([
    ['in one piece', `const text = 'The user must connect again, each time; a Workspace administrator…';`],
    ['in pieces', `const text = 'Google no longer knows ' +\n 'a scope of the grant (' + code + ')';`],
    [
      'around a value',
      'const text = `${error}: Google failed for most users of this client lately, and ${remedy}`;',
    ],
    ['in a page', 'const page = <p>The client was deleted or disabled.</p>;'],
  ])('is found %s', (_, source) => {
    expect(copiesIn(source)).not.toEqual([]);
  });
});

/** The copies in the literals of a source: of strings, of templates, of JSX. */
function copiesIn(source: string): string[] {
  const copies = new Set<string>();
  const visit = (node: ts.Node) => {
    const text = textOf(node);
    if (text === null) {
      ts.forEachChild(node, visit);
      return;
    }
    for (const run of runsOf(wordsOf(text))) if (runs.has(run)) copies.add(run);
  };
  visit(ts.createSourceFile('source.tsx', source, ts.ScriptTarget.Latest, false, ts.ScriptKind.TSX));
  return [...copies];
}

/** Null for what is no text. A value within a text counts as a word. */
function textOf(node: ts.Node): string | null {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node) || ts.isJsxText(node))
    return node.text;
  if (ts.isTemplateExpression(node))
    return node.head.text + node.templateSpans.map(({ literal }) => ` … ${literal.text}`).join('');
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const [left, right] = [textOf(node.left), textOf(node.right)];
    return left === null && right === null ? null : (left ?? ' … ') + (right ?? ' … ');
  }
  return null;
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}_{}…'-]+/gu) ?? [];
}

function runsOf(words: readonly string[]): string[] {
  return words.slice(RUN - 1).map((_, at) => words.slice(at, at + RUN).join(' '));
}
