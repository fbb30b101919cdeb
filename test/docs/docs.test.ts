/** What is written for people must not lag behind the code: settings, defaults, error codes, dependencies, links. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { fileNameOf, FORMATS } from '../../src/cli/ads-credentials/configuration-formats.js';
import { fileNameFor, READER_NAMES } from '../../src/cli/libraries/credential-formats.js';
import { SETTING_NAMES, SETTINGS } from '../../src/config/environment.js';
import type { Setting } from '../../src/config/setting.js';
import { PROBLEMS } from '../../src/http/problem/problem-table.js';

const read = (path: string) => readFileSync(path, 'utf8');

/** The cells of the table row that begins with this name. */
function row(markdown: string, name: string): string[] | undefined {
  const line = markdown.split('\n').find((text) => text.startsWith(`| \`${name}\` `));
  return line
    ?.split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

describe.each(SETTING_NAMES)('the setting %s', (name) => {
  const setting: Setting<string | number | boolean | readonly string[] | null, boolean> = SETTINGS[name];
  const { doc, more, values, unit, example, default: value } = setting;
  const hasDefault = value !== undefined && value !== null && String(value) !== '';

  test('has its row in docs/configuration.md', () => {
    expect(row(read('docs/configuration.md'), name)).toEqual([
      `\`${name}\``,
      [doc, more].filter(Boolean).join(' '),
      [values, unit].filter(Boolean).join(' '),
      hasDefault ? `\`${String(value)}\`` : value === undefined ? 'required' : 'none',
      `\`${example}\``,
    ]);
  });

  test('is in .env.example below its sentence, with its default', () => {
    const lines = read('.env.example').split('\n');
    const at = lines.indexOf(`# ${doc}`);
    expect(lines[at + 1]).toMatch(new RegExp(`^(# )?${name}(_FILE)?=.`));
    if (hasDefault && name !== 'NODE_ENV') expect(lines[at + 1]).toBe(`# ${name}=${String(value)}`);
  });
});

test('.env.example holds no secret, and no setting that does not exist', () => {
  const named = [...read('.env.example').matchAll(/^(?:# )?([A-Z_]+)=(.*)$/gm)];
  for (const [, name = '', value = ''] of named) {
    expect([...SETTING_NAMES, 'DATABASE_URL_FILE']).toContain(name);
    expect(value).not.toMatch(/:[^/@]+@|GOCSPX|"k"/);
  }
});

test.each(Object.entries(PROBLEMS))(
  'the error code %s has its section in docs/errors.md',
  (code, problem) => {
    const section = read('docs/errors.md').split(`\n### \`${code}\`\n`)[1]?.split('\n### ')[0];
    expect(section).toContain(`**${problem.status}**`);
    expect(section).toContain('What to do:');
    const [, json = ''] = /```json\n(.*?)```/s.exec(section ?? '') ?? [];
    const example = JSON.parse(json) as Record<string, unknown>;
    expect(example).toMatchObject({
      type: `urn:token-broker:problem:${code}`,
      code,
      status: problem.status,
      title: problem.title,
    });
  },
);

const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
  string,
  Record<string, string>
>;

test.each(Object.keys({ ...dependencies, ...devDependencies }))(
  'the dependency %s has its reason',
  (name) => {
    expect(row(read('docs/decisions/0001-stack.md'), name)?.[1]).toBeTruthy();
  },
);

const pages = [
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' }).map((path) => join('docs', path)),
  ...readdirSync('.'),
].filter((path) => path.endsWith('.md'));

test.each(pages)('%s links to files and headings that exist', (page) => {
  const text = read(page).replaceAll(/^```.*?^```/gms, '');
  const links = [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)];
  for (const [link, path = '', heading] of links) {
    const target = path === '' ? page : join(dirname(page), path);
    expect({ link, exists: existsSync(target) }).toEqual({ link, exists: true });
    if (heading !== undefined) expect(headings(read(target))).toContain(heading);
  }
});

test.each(pages)('%s names source files that exist', (page) => {
  const named = [...read(page).matchAll(/`((?:[\w.-]+\/)+[\w.-]+\.(?:tsx?|mjs|cjs|prisma))`/g)].map(
    ([, path = '']) => path,
  );
  expect(named.filter((path) => !existsSync(path) && !existsSync(join('src', path)))).toEqual([]);
});

test('decision 25 names each file that asks whether the tables are distributed', () => {
  const decision = read('docs/decisions/0025-one-schema-for-citus.md');
  const asking = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(
    (path) =>
      /\.tsx?$/.test(path) &&
      !path.endsWith('.test.ts') &&
      read(join('src', path)).includes('.isDistributed()'),
  );
  const others = asking.filter((path) => !path.startsWith('token-store/change-feed/'));
  expect(others.length).toBeGreaterThan(15);
  expect(others.filter((path) => !decision.includes(`\`${path}\``))).toEqual([]);
});

test('git ignores what the commands write under the name that they choose, and what the pages have people put beside it', () => {
  const written = [...FORMATS.map(fileNameOf), ...READER_NAMES.map(fileNameFor)];
  const beside = [
    'token.txt',
    'client_secret.json',
    'client_secret_1-2.apps.googleusercontent.com.json',
    'reports.key',
  ];
  const names = [
    ...new Set([...written, ...beside, 'token-broker-cli-0.1.0.tgz', 'secrets/client_secret.json']),
  ];
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-ignored-'));
  const git = (...args: string[]) => spawnSync('git', args, { cwd: folder, encoding: 'utf8' });
  if (git('init', '--quiet').status !== 0) {
    console.warn('There is no git here: .gitignore was not tried.');
    return;
  }
  copyFileSync('.gitignore', join(folder, '.gitignore'));
  const ignored = git('check-ignore', ...names)
    .stdout.trim()
    .split('\n');
  rmSync(folder, { recursive: true });
  expect(names.length).toBeGreaterThan(12);
  expect(ignored).toEqual(names);
});

/** As GitHub makes anchors of them; a page in another language names those of the English one. */
function headings(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (?:<a id="([^"]+)"><\/a>)?(.*)$/gm)].map(
    ([, id, text = '']) =>
      id ??
      text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
  );
}
