/**
 * The reference pages say what the code emits, and nothing else: causes, reasons, outcomes, audit actions, commands and
 * options, checked in both directions. And the samples of docs/webhooks.md run as they are pasted.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { meaningOf } from '../../sandbox/google/scopes.js';
import { freePort } from '../../sandbox/trial/postgres.js';
import { AUDIT_ACTIONS } from '../../src/domain/audit-entry.js';
import { DEAD_GRANTS } from '../../src/domain/google/dead-grants.js';
import { CONNECT_ERRORS } from '../../src/domain/google/google-failure.js';
import { TOKEN_ENDPOINT_FAILURES } from '../../src/domain/google/oauth-failures.js';
import { REVOKING } from '../../src/domain/grant/diagnosis.js';
import { Secret } from '../../src/domain/secret.js';
import { signMessage } from '../../src/webhooks/send-event.js';
import { emptyFolder } from '../cli/token-broker.js';
import { until } from '../support/until.js';

// Compiled: it finds package.json by its own path.
const { buildProgram } = (await import(
  resolve('dist/src/cli/program.js')
)) as typeof import('../../src/cli/program.js');

const read = (path: string) => readFileSync(path, 'utf8');
const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.tsx?$/.test(path) && !/\.test\.|prisma-client/.test(path))
  .map((path) => ({ path, text: read(join('src', path)) }));
const allSource = sources.map(({ text }) => text).join('\n');

/** What the first group of a pattern matches in the files of some folders. */
function emitted(pattern: RegExp, ...under: string[]): string[] {
  const texts = sources.filter(({ path }) => under.some((each) => path.startsWith(each)));
  const found = texts.flatMap(({ text }) => [...text.matchAll(pattern)].map(([, code = '']) => code));
  return [...new Set(found)].sort();
}

/** The codes in the column of this name, of all tables of a page that have one. */
function documented(page: string, column: string): string[] {
  const codes: string[] = [];
  let at: number | null = null;
  for (const line of read(page).split('\n')) {
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    if (!line.startsWith('|')) at = null;
    else if (at === null) at = cells.indexOf(`\`${column}\``);
    else codes.push(...[...(cells[at] ?? '').matchAll(/`([^`]+)`/g)].map(([, code = '']) => code));
  }
  return [...new Set(codes)].sort();
}

/** The English ones. */
const pages = readdirSync('docs')
  .filter((name) => name.endsWith('.md'))
  .map((name) => join('docs', name));
const CONNECT_OUTCOME = 'domain/connect/connect-outcome.ts';

describe('the codes', () => {
  const CAUSE = /\bcause: '([a-z_]+)'/g;
  const REASON = /[rR]efused\(\s*'([a-z_]+)'|\breason: '([a-z_]+)'/;
  const either = (pattern: RegExp, ...under: string[]) => [
    ...emitted(new RegExp(pattern.source.split('|')[0] ?? '', 'g'), ...under),
    ...emitted(new RegExp(pattern.source.split('|')[1] ?? '', 'g'), ...under),
  ];

  test.each([
    [
      'a cause of a dead grant',
      [...Object.keys(DEAD_GRANTS), ...emitted(CAUSE, 'domain/grant/diagnosis', 'security-events/')],
      'docs/google-errors.md',
      'cause',
    ],
    [
      'a cause of a refused service account',
      emitted(CAUSE, 'domain/google/service-account'),
      'docs/google-errors.md',
      'cause',
    ],
    [
      'a reason in the browser',
      either(REASON, 'authorization/', 'callback/', 'http/'),
      'docs/errors.md',
      'reason',
    ],
    [
      'how a connect failed',
      [...emitted(/\bcode: '([a-z_]+)'/g, 'callback/'), ...Object.values(CONNECT_ERRORS), 'code_missing'],
      'docs/errors.md',
      'connect_error',
    ],
    [
      'how a connect ended',
      emitted(/\bconnect: (?:.* : )?'([a-z]+)'/g, CONNECT_OUTCOME),
      'docs/connecting.md',
      'connect',
    ],
    ['an audit action', [...AUDIT_ACTIONS], 'docs/audit.md', 'action'],
  ])('contain each %s on its page, with a row of its table', (_, codes, page, column) => {
    expect(codes.length).toBeGreaterThan(0);
    expect(documented(page, column)).toEqual(expect.arrayContaining(codes));
  });

  test.each([
    ['docs/errors.md', 'cause'],
    ['docs/google-errors.md', 'cause'],
    ['docs/errors.md', 'reason'],
    ['docs/errors.md', 'connect_error'],
    ['docs/connecting.md', 'connect'],
    ['docs/audit.md', 'action'],
    ['docs/google-ads-access.md', 'why'],
  ])('have in the table of %s with the column %s none that is never emitted', (page, column) => {
    const codes = documented(page, column);
    expect(codes.length).toBeGreaterThan(0);
    expect(codes.filter((code) => !allSource.includes(`'${code}'`))).toEqual([]);
  });

  /** The first cell and the last of each row of the tables in a section of docs/errors.md. */
  const rowsUnder = (code: string) => {
    const section = read('docs/errors.md').split(`\n### \`${code}\`\n`)[1]?.split('\n### ')[0] ?? '';
    const rows = [...section.matchAll(/^\| `([a-z_]+)` .*\| `([a-z_]+)` +\|$/gm)];
    return Object.fromEntries(rows.map(([, cause = '', actor = '']) => [cause, actor]));
  };

  // The rows of dead grants are compared in src/domain/google/oauth-failures.test.ts.
  test.each([
    ['connect', 'docs/connecting.md'],
    ['connect_error', 'docs/errors.md'],
  ])('of the column %s are in a table of %s, and of no other page', (column, page) => {
    const having = pages.filter((path) => documented(path, column).length > 0);
    expect(having).toEqual([page]);
  });

  test('of a dead grant are in one table, to which docs/errors.md leads with who may have to act', () => {
    const section = read('docs/errors.md').split('\n### `reconnect_required`\n')[1]?.split('\n### ')[0] ?? '';
    expect(section).toContain('(google-errors.md#why-a-grant-is-dead)');
    const actors = [REVOKING.who_must_act, ...Object.values(DEAD_GRANTS).map(({ whoMustAct }) => whoMustAct)];
    for (const actor of actors) expect(section).toContain(`\`${actor}\``);
    const others = pages.filter((path) => path !== 'docs/google-errors.md');
    const causes = Object.keys(DEAD_GRANTS).filter((cause) => cause !== 'admin_policy_enforced');
    for (const path of others)
      expect({ path, causes: documented(path, 'cause').filter((cause) => causes.includes(cause)) }).toEqual({
        path,
        causes: [],
      });
  });

  test('are in docs/errors.md those of a refused client, and no others', () => {
    // What is answered with another code than `client_misconfigured`.
    const others = ['grant_dead', 'code_rejected', 'policy_rejected', 'unavailable'];
    const kinds = TOKEN_ENDPOINT_FAILURES.map(({ kind }) => kind).filter((kind) => !others.includes(kind));
    const causes = [...new Set([...kinds, 'wrong_client', 'ads_api_rejected'])];
    expect(Object.keys(rowsUnder('client_misconfigured')).sort()).toEqual(causes.sort());
  });

  test('are, for the pages of Google, headings of docs/google-errors.md, as the stand-in shows them', () => {
    const page =
      read('docs/google-errors.md').split("\n## On Google's own page\n")[1]?.split('\n## ')[0] ?? '';
    const shown = read('sandbox/google/refusals.ts').matchAll(/\bpage\(\s*\d+,\s*'([a-z_]+)'/g);
    const codes = [...new Set([...shown].map(([, code = '']) => code))];
    expect(codes.length).toBeGreaterThan(8);
    expect(codes.filter((code) => !page.includes(`### \`${code}\``) && code !== 'disabled_client')).toEqual(
      [],
    );
    expect(page).toContain('`disabled_client`');
  });

  test('are, of a refused Google Ads account, in docs/errors.md and docs/google-ads.md, and no others', () => {
    const [, refusals = ''] = /AccessRefusal =([^;]+);/.exec(read('src/domain/ads/access-map.ts')) ?? [];
    const judged = [...refusals.matchAll(/'([a-z_]+)'/g)].map(([, reason = '']) => reason);
    const reasons = [...judged, ...emitted(/\breason: '([a-z_]+)'/g, 'ads/')].sort();
    expect(judged.length).toBeGreaterThan(3);
    expect(reasons.length).toBeGreaterThan(judged.length);
    const section = read('docs/errors.md').split('\n### `no_ads_access`\n')[1]?.split('\n### ')[0] ?? '';
    const named = [...section.replaceAll(/```.*?```/gs, '').matchAll(/`([a-z]+(?:_[a-z]+)+)`/g)].map(
      ([, code = '']) => code,
    );
    expect([...new Set(named)].filter((code) => reasons.includes(code)).sort()).toEqual(reasons);
    const looksLikeOne = /^role_|^no_[a-z]+_path$|_refused$/;
    expect(named.filter((code) => looksLikeOne.test(code) && !reasons.includes(code))).toEqual([]);
    const rows = [...read('docs/google-ads.md').matchAll(/^\| 403 `no_ads_access`, `([a-z_]+)` /gm)];
    expect(rows.map(([, code = '']) => code).sort()).toEqual(reasons);
  });

  test('come with the words of the consent page for the scopes of YouTube, as the stand-in shows them', () => {
    const section =
      read('docs/connecting.md').split('\n## The scopes of YouTube\n')[1]?.split('\n## ')[0] ?? '';
    const rows = [...section.matchAll(/^\| `(https:[^`]+)` +\| (.+?) +\|/gm)].map(([, scope = '', words]) => [
      scope,
      words,
    ]);
    expect(rows.length).toBeGreaterThan(8);
    expect(rows).toEqual(rows.map(([scope = '']) => [scope, meaningOf(scope)]));
  });

  test.each([
    'WebView',
    'WKWebView',
    'AppAuth',
    'SFSafariViewController',
    'App Links',
    'urn:ietf:wg:oauth:2.0:oob',
  ])('come with %s named where Google names it', (word) => {
    expect(read('docs/google-errors.md')).toContain(word);
  });
});

test('no page and no program sends an operator for a JSON of a client that lacks its secret, which Google shows once', () => {
  const pages = readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join('docs', path));
  const texts = [...['README.md', ...pages].map(read), allSource]
    .join('\n')
    .replaceAll(/['`]? \+\n\s*['`]|\s+/g, ' ');
  expect(texts.match(/[^.]{0,60}\bdownload\w* [^.;]{0,40}JSON[^.;]{0,20} again[^.]{0,20}/gi)).toBeNull();
});

describe('the command line', () => {
  const leaves = (command: Command, path: string[] = []): { name: string; options: string[] }[] => [
    ...command.commands.flatMap((child) => leaves(child, [...path, child.name()])),
    // `audit` does something itself, too.
    ...(path.length > 0 && (command.commands.length === 0 || command.options.length > 0)
      ? [{ name: path.join(' '), options: command.options.map(({ long }) => long ?? '') }]
      : []),
  ];
  const commands = leaves(buildProgram(false));
  const pages = ['docs/cli.md', 'docs/security-events.md', 'docs/service-accounts.md'].map(read).join('\n');

  test.each(commands)('has `$name` documented, with every option', ({ name, options }) => {
    const [group = '', ...rest] = name.split(' ');
    expect(pages).toMatch(new RegExp(`token-broker ${name}\\b|\\b${group} ${rest.join('|')}\\b`));
    expect(options.filter((option) => !pages.includes(option))).toEqual([]);
  });

  test('has every command that a page names', () => {
    const groups = new Set(commands.map(({ name }) => name.split(' ')[0]));
    const names = new Set(commands.map(({ name }) => name));
    for (const page of ['README.md', ...readdirSync('docs').map((name) => join('docs', name))]) {
      if (!page.endsWith('.md')) continue;
      const used = read(page).matchAll(
        /(?<![:/\w-])token-broker(?: --)? ((?:[a-z]+-?)+)(?: ([a-z]+(?:-[a-z]+)*))?/g,
      );
      for (const [text, group = '', command = ''] of used) {
        if (!groups.has(group)) continue;
        const isWhole = names.has(group) || names.has(`${group} ${command}`);
        expect({ page, text, isWhole }).toEqual({ page, text, isWhole: true });
      }
    }
  });

  test('has every option that docs/cli.md names', () => {
    const known = new Set([
      ...commands.flatMap(({ options }) => options),
      '--json',
      '--wide',
      '--help',
      '--version',
      '--',
    ]);
    const named = [...read('docs/cli.md').matchAll(/(?<=[`\s[(])--[a-z][a-z_-]+/g)].map(([option]) => option);
    const others = ['--silent', '--user-data-dir'];
    expect(named.filter((option) => !known.has(option) && !others.includes(option))).toEqual([]);
  });
});

test('the table of settings in docs/configuration.md names no setting that does not exist', async () => {
  const { SETTING_NAMES } = await import('../../src/config/environment.js');
  const names = [...read('docs/configuration.md').matchAll(/^\| `([A-Z][A-Z_]+)` /gm)].map(
    ([, name = '']) => name,
  );
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter((name) => !SETTING_NAMES.includes(name as never))).toEqual([]);
});

describe('a sample of docs/webhooks.md that runs as it is pasted', () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const sample = (language: string) =>
    new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'm').exec(read('docs/webhooks.md'))?.[1] ?? '';

  test.each([
    ['js', process.execPath, 'receiver.mjs'],
    ['python', 'python3', 'receiver.py'],
  ])(
    'in %s takes what is genuine, and refuses what is altered, forged or old',
    async (language, program, name) => {
      if (spawnSync(program, ['--version']).status !== 0) {
        console.warn(`${program} is not on this machine: its sample was not run.`);
        return;
      }
      const [folder, port] = [emptyFolder(), String(await freePort())];
      writeFileSync(join(folder, name), sample(language));
      const receiver = spawn(program, [name], {
        cwd: folder,
        env: { PATH: process.env['PATH'], WEBHOOK_SECRET: secret, PORT: port },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      receiver.stdout.on('data', (chunk) => (output += String(chunk)));
      receiver.stderr.on('data', (chunk) => (output += String(chunk)));
      const body = JSON.stringify({ type: 'grant.connected', data: { user_id: 'müller' } });
      const send = async (text: string, headers: Record<string, string>) =>
        (await fetch(`http://127.0.0.1:${port}/hooks`, { method: 'POST', body: text, headers })).status;
      const signed = (key: string, at: Date, text = body) =>
        signMessage([new Secret(key)], 'msg_1', at, text);
      // An operator sends it, and it is about no user.
      const trial = JSON.stringify({ type: 'webhook.test', data: { sent_by: 'operator' } });
      try {
        await until(() => fetch(`http://127.0.0.1:${port}/`, { method: 'POST' }).then(Boolean, () => false));
        expect(await send(body, signed(secret, new Date()))).toBe(204);
        await until(() => Promise.resolve(output.includes('msg_1 grant.connected müller')));
        expect(await send(trial, signed(secret, new Date(), trial))).toBe(204);
        await until(() => Promise.resolve(output.includes('msg_1 webhook.test')));
        expect(await send(`${body} `, signed(secret, new Date()))).toBe(400);
        expect(await send(body, signed('whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', new Date()))).toBe(400);
        expect(await send(body, signed(secret, new Date(Date.now() - 600_000)))).toBe(400);
        expect(await send(body, {})).toBe(400);
      } finally {
        receiver.kill('SIGKILL');
      }
    },
  );
});

describe('docs/migrating.md and docs/errors.md, about imports', () => {
  test('name every cause of a refused import, and no other', async () => {
    const { IMPORT_REFUSALS } = await import('../../src/domain/grant/grant-import.js');
    const section = read('docs/errors.md').split('\n## Imports\n')[1]?.split('\n## ')[0] ?? '';
    const rows = [...section.matchAll(/^\| `([a-z_]+)` +\| (refused|postponed) /gm)];
    const isTransient = (row: object) => 'isTransient' in row;
    const expected = Object.entries(IMPORT_REFUSALS).map(([cause, row]) => [
      cause,
      isTransient(row) ? 'postponed' : 'refused',
    ]);
    expect(rows.map(([, cause, status]) => [cause, status])).toEqual(expected);
  });

  const OTHERS = [
    {
      name: 'better-auth',
      tables: `CREATE TEMP TABLE account ("userId" text, "providerId" text, "accountId" text, "refreshToken" text);
        INSERT INTO account VALUES ('alice', 'google', '1034', '1//0alice'), ('alice', 'github', '7', 'gh'),
          ('bob', 'google', '1035', NULL)`,
    },
    {
      name: 'Keycloak',
      tables: `CREATE TEMP TABLE realm (id text, name text);
        CREATE TEMP TABLE federated_identity (user_id text, realm_id text, identity_provider text, federated_user_id text, token text);
        INSERT INTO realm VALUES ('r1', 'my-realm'), ('r2', 'other');
        INSERT INTO federated_identity VALUES
          ('alice', 'r1', 'google', '1034', '{"access_token": "ya29", "refresh_token": "1//0alice"}'),
          ('bob', 'r1', 'google', '1035', '{"access_token": "ya29"}'), ('carol', 'r1', 'google', '1036', NULL),
          ('dan', 'r2', 'google', '1037', '{"refresh_token": "1//0dan"}'), ('erin', 'r1', 'github', '8', 'access_token=gh')`,
    },
  ];
  test.each(OTHERS)(
    'have SQL that exports the grants of $name as lines of the file',
    async ({ name, tables }) => {
      const { default: pg } = await import('pg');
      const { readImportItem } = await import('../../src/grants/import-grants.dto.js');
      const recipe = read('docs/migrating.md').split(`\n## ${name}\n`)[1] ?? '';
      const [, sql = ''] = /^```sql\n([^]*?)^```/m.exec(recipe) ?? [];
      const client = new pg.Client({ connectionString: `${process.env['TEST_POSTGRES_URL'] ?? ''}postgres` });
      await client.connect();
      try {
        await client.query(tables);
        const { rows } = await client.query<{ json_build_object: unknown }>(sql);
        const items = await Promise.all(rows.map((row) => readImportItem(row.json_build_object)));
        expect(items).toMatchObject([{ userId: 'alice', client: 'default', account: '1034' }]);
      } finally {
        await client.end();
      }
    },
  );
});
