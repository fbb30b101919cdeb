/** What a failure of Google's means, and what to do, is written once: in the tables. Others take it from there. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { ADS_FAILURES } from '../../src/domain/ads/ads-failure.js';
import {
  AUTHORIZATION_RESPONSE_FAILURES,
  NO_REFRESH_TOKEN,
} from '../../src/domain/google/authorization-failures.js';
import { DEAD_GRANTS, type DeadGrantRow } from '../../src/domain/google/dead-grants.js';
import {
  GOOGLE_ERROR_CODES,
  REVOCATION_FAILURES,
  TOKEN_ENDPOINT_FAILURES,
} from '../../src/domain/google/oauth-failures.js';
import { ASK_OPERATOR, FAILURE_PAGES } from '../../src/domain/google/failure-pages.js';
import { REVOKING } from '../../src/domain/grant/diagnosis.js';
import { LOCAL_FAILURES } from '../../src/domain/google/local-failures.js';
import { RISC_FAILURES, UNKNOWN_RISC_FAILURE } from '../../src/domain/google/risc-failures.js';
import {
  SERVICE_ACCOUNT_FAILURES,
  UNKNOWN_SERVICE_ACCOUNT_FAILURE,
} from '../../src/domain/google/service-account.js';

const TABLES =
  /^src\/domain\/(google\/(authorization-failures|failure-pages|oauth-failures|local-failures|dead-grants|service-account|risc-failures)|ads\/ads-failure)\.ts$/;
/** So many words in a row are a copy. Shorter sentences, such as "Try again soon.", are common English. */
const RUN = 5;
/** As many, which name a place, a thing or the next step, and explain no failure. */
const COMMON = [
  'a user of your workspace',
  'did not answer in time',
  'google app is in testing',
  'google no longer accepts the',
  'https myaccount google com connections',
  'in the google console and',
  'it in the google console',
  'of the google ads api',
  'start again in the app',
  'the project has no stream',
  'the user must connect again',
  "this machine's clock is wrong",
  'try again in a minute',
];

const rows: readonly Pick<DeadGrantRow, 'meaning' | 'remedy' | 'reported'>[] = [
  ...TOKEN_ENDPOINT_FAILURES,
  ...LOCAL_FAILURES,
  ...AUTHORIZATION_RESPONSE_FAILURES,
  NO_REFRESH_TOKEN,
  ...Object.values<DeadGrantRow>(DEAD_GRANTS),
  ...SERVICE_ACCOUNT_FAILURES,
  UNKNOWN_SERVICE_ACCOUNT_FAILURE,
  ...REVOCATION_FAILURES,
  ...RISC_FAILURES,
  UNKNOWN_RISC_FAILURE,
  ...ADS_FAILURES,
];
const sentences = [
  ...rows.flatMap((row) => [row.meaning, row.remedy, row.reported ?? '']),
  // What every page says where its user cannot act is no text of a failure.
  ...Object.values(FAILURE_PAGES).map((text) => text.replace(ASK_OPERATOR, '')),
].flatMap((text) => text.split(/(?<=[.;:]) /));
const runs = new Set(sentences.flatMap((sentence) => runsOf(wordsOf(sentence))));

/** Their keys are those of English by type. */
const TRANSLATIONS = /^src\/pages\/messages\/(problems|my-grants)\.(de|fr|id)\.ts$/;
/**
 * Texts for another thing of the same name: a code of Cloud KMS, problems of the broker's own, a sign-in to the console. And what
 * becomes of a grant, which has its own table, and what its user is told of that, in each language.
 */
const OTHER_TEXTS = [
  'src/console/sign-in/identity-provider.ts: access_denied',
  'src/domain/grant/ended-grant.ts: revoking',
  'src/google/kms/google-kms.ts: PERMISSION_DENIED',
  'src/http/problem/problem-table.ts: client_misconfigured',
  'src/http/problem/problem-table.ts: google_unavailable',
  'src/http/problem/problem-table.ts: invalid_request',
  'src/pages/messages/my-grants.en.ts: revoking',
  'src/pages/messages/problems.en.ts: client_misconfigured',
  'src/pages/messages/problems.en.ts: google_unavailable',
  'src/pages/messages/problems.en.ts: invalid_request',
];
/** So many words are a sentence, and not a code or a name. */
const SENTENCE = 4;
const codes = new Set<string>([
  ...GOOGLE_ERROR_CODES,
  ...LOCAL_FAILURES.flatMap(({ errors }) => errors),
  ...NO_REFRESH_TOKEN.errors,
  ...Object.keys(DEAD_GRANTS),
  REVOKING.cause,
  ...Object.keys(FAILURE_PAGES),
  ...[...SERVICE_ACCOUNT_FAILURES, UNKNOWN_SERVICE_ACCOUNT_FAILURE].map(({ cause }) => cause),
  ...[...RISC_FAILURES, UNKNOWN_RISC_FAILURE].map(({ cause }) => cause),
  ...ADS_FAILURES.flatMap(({ errors }) => errors),
]);

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((path) => join('src', path))
  .filter((path) => /\.tsx?$/.test(path) && !/\.test\.|prisma-client/.test(path));

describe('a text of the tables of failures', () => {
  test('stands nowhere else in src/', () => {
    const copies = files
      .filter((path) => !TABLES.test(path))
      .flatMap((path) => copiesIn(readFileSync(path, 'utf8')).map((copy) => `${path}: ${copy}`));
    expect(copies.filter((copy) => !COMMON.some((phrase) => copy.endsWith(`: ${phrase}`)))).toEqual([]);
    expect(COMMON.filter((phrase) => !copies.some((copy) => copy.endsWith(`: ${phrase}`)))).toEqual([]);
  });

  test('stands at a code of its failure nowhere else in src/, but for what is about more than the failure', () => {
    const explained = files
      .filter((path) => !TABLES.test(path) && !TRANSLATIONS.test(path))
      .flatMap((path) => explainedIn(readFileSync(path, 'utf8')).map((code) => `${path}: ${code}`));
    expect(explained.sort()).toEqual(OTHER_TEXTS);
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

  test.each([
    ['at a key', `const texts = { org_internal: 'Please take an account of the organisation.' };`],
    [
      'at a key, in a row',
      `const rows = { 'invalid_grant': { detail: \`It is dead, \${name}: too bad.\` } };`,
    ],
    ['in a case', `switch (code) { case 'timeout': return 'It took far too long.'; }`],
    ['after a comparison', `if (error === 'access_denied') throw new Refusal('The user said no, alas.');`],
    ['in a page', `const page = cause === 'inactivity' ? <p>Not used for long.</p> : null;`],
    ['at a reason', `throw refusal('Google kept it for itself.', { reason: 'no_refresh_token' });`],
    ['at what a disconnect became', `const texts = { revoking: 'Google says nothing so far.' };`],
  ])('is found %s', (_, source) => {
    expect(explainedIn(source)).toHaveLength(1);
  });

  test.each([
    `const texts = { other: 'Please take an account of the organisation.' };`,
    `const codes = { org_internal: 'client_misconfigured' };`,
    `if (error === 'access_denied') return { kind: 'denied' };`,
  ])('is not %s', (source) => {
    expect(explainedIn(source)).toEqual([]);
  });
});

/** The codes of failures for which a source has a sentence: at a key, in a `case`, or after a comparison. */
function explainedIn(source: string): string[] {
  const found = new Set<string>();
  const visit = (node: ts.Node) => {
    const explained = explainedBy(node);
    if (explained) {
      const [code, texts] = explained;
      if (codes.has(code) && texts.some(holdsSentence)) found.add(code);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('source.tsx', source, ts.ScriptTarget.Latest, false, ts.ScriptKind.TSX));
  return [...found];
}

/** A code, and where a text for it would stand; null for what chooses nothing by a code. */
function explainedBy(node: ts.Node): [string, readonly ts.Node[]] | null {
  // As `new BrokerError(…, 'A sentence.', { reason: 'a_code' })`: the broker's own code is another argument.
  if (ts.isNewExpression(node) || ts.isCallExpression(node)) {
    const given = node.arguments ?? [];
    const code = given.map(codeIn).find((each) => each !== undefined);
    return code === undefined ? null : [code, given.filter((argument) => textOf(argument) !== null)];
  }
  if (ts.isPropertyAssignment(node) && (ts.isIdentifier(node.name) || ts.isStringLiteral(node.name)))
    return [node.name.text, [node.initializer]];
  if (ts.isCaseClause(node) && ts.isStringLiteral(node.expression))
    return [node.expression.text, node.statements];
  if (ts.isIfStatement(node) || ts.isConditionalExpression(node)) {
    const [condition, chosen] = ts.isIfStatement(node)
      ? [node.expression, node.thenStatement]
      : [node.condition, node.whenTrue];
    if (ts.isBinaryExpression(condition) && ts.isStringLiteral(condition.right))
      return [condition.right.text, [chosen]];
  }
  return null;
}

/** A code that an object has, such as its reason or cause. */
function codeIn(argument: ts.Node): string | undefined {
  const members = ts.isObjectLiteralExpression(argument) ? argument.properties : [];
  return members
    .flatMap((member) => (ts.isPropertyAssignment(member) ? (textOf(member.initializer) ?? []) : []))
    .find((text) => codes.has(text));
}

function holdsSentence(node: ts.Node): boolean {
  // Of SQL.
  if (ts.isTaggedTemplateExpression(node)) return false;
  const text = textOf(node);
  if (text !== null) return wordsOf(text).length >= SENTENCE;
  return ts.forEachChild(node, holdsSentence) ?? false;
}

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
