/** `token-broker grant import`: a file of another system's grants, read as it is, stopped and continued. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { asJson, emptyFolder, startTokenBroker, tokenBroker } from './token-broker.js';
import { exhaustive } from '../support/exhaustive.js';

const SCOPES = ['openid', 'https://www.googleapis.com/auth/userinfo.email', YOUTUBE];

let bed: TestBed;
beforeAll(async () => {
  bed = await startTestBed({ IMPORT_RATE: '1000' });
});
beforeEach(async () => {
  bed.google.control.reset();
  await bed.reset();
});
afterAll(() => bed.stop());

const issue = (sub = ALICE.sub) => bed.google.control.issueRefreshToken(sub, 'default', SCOPES);
const refreshes = () => bed.google.control.count('token', 'refresh_token');

function file(content: string | Uint8Array, mode = 0o600): string {
  const path = join(emptyFolder(), 'grants.ndjson');
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

const lineOf = (item: object) => JSON.stringify(item);

describe('token-broker grant import', () => {
  test('reports a line each, and what it imported is handed out by the broker', async () => {
    const dead = issue();
    bed.google.control.endRefreshToken(dead);
    const tokens = [issue(), dead, issue(BOB.sub)];
    const path = file(
      [
        lineOf({ user_id: 'alice', client: 'default', refresh_token: tokens[0] }),
        '{"user_id": "alice", "refresh_token": "1//0',
        '',
        lineOf({ user_id: 'alice', refresh_token: tokens[1] }),
        lineOf({ user_id: 'x', refresh_token: 'a b', scopes: 'openid' }),
        lineOf({ user_id: 'bob', refresh_token: tokens[2], scopes: [YOUTUBE] }),
      ].join('\n'),
    );
    const { code, stdout, stderr } = await tokenBroker(['grant', 'import', path], bed.settings);
    expect(stderr).toBe('');
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(
      /^line 1 {2}imported {2}alice {2}default {2}alice@example\.com {2}[0-9a-f-]{36}$/,
    );
    expect(lines[1]).toMatch(/^line 2 {2}refused {2}invalid_item: {2}line must be one JSON object/);
    expect(lines[2]).toMatch(
      /^line 4 {2}refused {2}alice {2}dead_token: {2}Google does not accept the refresh token/,
    );
    expect(lines[3]).toMatch(
      /^line 5 {2}refused {2}invalid_item: {2}.*refresh_token must be .*scopes must be/,
    );
    expect(lines[4]).toMatch(/^line 6 {2}imported {2}bob/);
    expect(lines[5]).toBe('5 of 5 lines: imported 2, replaced 0, unchanged 0, refused 3, postponed 0.');
    expect(code).toBe(3);
    for (const token of tokens) expect(stdout).not.toContain(token);
    expect((await bed.api.token('alice', { scope: YOUTUBE })).status).toBe(200);
    expect((await bed.api.token('bob', { scope: YOUTUBE })).status).toBe(200);
    expect(
      await bed.sql(`SELECT actor, outcome FROM audit_trail WHERE action = 'grant.import' ORDER BY sequence`),
    ).toEqual(
      expect.arrayContaining([
        { actor: 'operator', outcome: 'ok' },
        { actor: 'operator', outcome: 'dead_token' },
      ]),
    );
  });

  exhaustive.test('continues when it runs again, and asks Google only about the rest', async () => {
    const lines = Array.from({ length: 12 }, (_, n) => lineOf({ user_id: `u${n}`, refresh_token: issue() }));
    const path = file(lines.join('\n'));
    bed.google.control.latency('token', 300);
    const stopped = startTokenBroker(['grant', 'import', path], bed.settings);
    await until(async () => (await bed.sql('SELECT 1 FROM grants')).length >= 2);
    stopped.kill('SIGKILL');
    await stopped.finished;
    const held = (await bed.sql('SELECT 1 FROM grants')).length;
    expect(held).toBeLessThan(12);
    bed.google.control.latency('token', 0);
    const asked = refreshes();
    const { code, output } = await asJson(['grant', 'import', path], bed.settings);
    expect(code).toBe(0);
    expect(output).toMatchObject({ summary: { imported: 12 - held, unchanged: held } });
    expect(refreshes()).toBe(asked + 12 - held);
  });

  test('imports every line also after the reader of its output has closed the pipe', async () => {
    const dead = issue();
    bed.google.control.endRefreshToken(dead);
    const tokens = [dead, ...Array.from({ length: 11 }, () => issue())];
    const path = file(
      tokens.map((refresh_token, n) => lineOf({ user_id: `u${n}`, refresh_token })).join('\n'),
    );
    bed.google.control.latency('token', 100);
    const command = startTokenBroker(['grant', 'import', path], bed.settings);
    await until(() => command.printed().stdout.includes('refused'));
    command.closePipe('stdout');
    expect((await command.finished).code).toBe(3);
    bed.google.control.latency('token', 0);
    expect(await bed.sql('SELECT 1 FROM grants')).toHaveLength(11);
  });

  exhaustive.test(
    'stops at an outage of Google with exit code 69, and the next run imports what was left',
    async () => {
      const lines = Array.from({ length: 30 }, (_, n) =>
        lineOf({ user_id: `u${n}`, refresh_token: issue() }),
      );
      const path = file(lines.join('\n'));
      bed.google.control.failAlways('token', { status: 503, body: {} });
      const { code, stdout } = await tokenBroker(['grant', 'import', path], bed.settings);
      expect(code).toBe(69);
      expect(stdout).toContain('postponed 30.\nRun the same command again');
      expect(stdout.match(/not_attempted/g)).toHaveLength(1);
      // Each is tried three times at most, and only the first four.
      expect(refreshes()).toBeLessThanOrEqual(12);
      bed.google.control.clearFaults();
      expect((await tokenBroker(['grant', 'import', path], bed.settings)).code).toBe(0);
    },
  );

  exhaustive.test('reads a file from Windows, and standard input', async () => {
    const [one, two] = [issue(), issue(BOB.sub)].map((refresh_token, n) =>
      lineOf({ user_id: `u${n}`, refresh_token }),
    );
    const path = file(Buffer.from(`\uFEFF${one ?? ''}\r\n${two ?? ''}\r\n`, 'utf16le'));
    const first = await asJson(['grant', 'import', path, '--dry-run'], bed.settings);
    expect(first).toMatchObject({ code: 0, output: { dry_run: true, summary: { imported: 2 } } });
    expect(await bed.sql('SELECT 1 FROM grants')).toEqual([]);
    const utf8 = file(`\uFEFF${one ?? ''}\r\n${two ?? ''}`);
    expect(await asJson(['grant', 'import', utf8], bed.settings)).toMatchObject({
      code: 0,
      output: {
        results: [
          { line: 1, status: 'imported' },
          { line: 2, status: 'imported' },
        ],
      },
    });
    const input = startTokenBroker(['grant', 'import', '-'], bed.settings, emptyFolder(), `${one ?? ''}\r\n`);
    expect(await input.finished).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('line 1  unchanged'),
    });
  });

  exhaustive.test('warns about a file that others can read, and says when there is none', async () => {
    const content = lineOf({ user_id: 'alice', refresh_token: issue() });
    const open = file(content, 0o644);
    const { code, stderr } = await tokenBroker(['grant', 'import', open], bed.settings);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^Careful: others on this machine can read .*chmod 600/);
    const { output } = await asJson(['grant', 'import', open], bed.settings);
    expect(output?.['notes']).toEqual([expect.stringContaining('chmod 600')]);
    const missing = await asJson(['grant', 'import', `${open}.gone`], bed.settings);
    expect(missing).toMatchObject({ code: 4, failure: { error: 'file_not_found' } });
  });

  test('replaces another token of an active grant only with --replace', async () => {
    await tokenBroker(
      ['grant', 'import', file(lineOf({ user_id: 'alice', refresh_token: issue() }))],
      bed.settings,
    );
    const other = file(lineOf({ user_id: 'alice', refresh_token: issue() }));
    const kept = await asJson(['grant', 'import', other], bed.settings);
    expect(kept).toMatchObject({ code: 3, output: { results: [{ cause: 'other_token' }] } });
    const replaced = await asJson(['grant', 'import', other, '--replace'], bed.settings);
    expect(replaced).toMatchObject({ code: 0, output: { summary: { replaced: 1 } } });
  });

  test('keeps what it imported when the database goes, and exits with 69', async () => {
    const path = file(lineOf({ user_id: 'alice', refresh_token: issue() }));
    const gone = { ...bed.settings, DATABASE_URL: 'postgresql://broker@127.0.0.1:9/broker' };
    expect(await asJson(['grant', 'import', path], gone)).toMatchObject({ code: 69 });
  });
});

test('on a terminal it draws a progress bar on standard error', async () => {
  const { ImportReport } = await import('../../src/cli/grant/import-report.js');
  const { stderr } = process;
  const write = stderr.write.bind(stderr);
  const wasTerminal = stderr.isTTY;
  let shown = '';
  stderr.isTTY = true;
  stderr.write = (text) => Boolean((shown += text.toString()));
  try {
    const report = new ImportReport(2, { asJson: true, dryRun: false });
    const nothing = { cause: null, detail: null, grantId: null, account: null, scopes: null };
    report.add(1, { ...nothing, status: 'imported', userId: 'alice', client: 'default' });
    report.close();
  } finally {
    stderr.isTTY = wasTerminal;
    stderr.write = write;
  }
  expect(shown).toContain(`[${'#'.repeat(15)}${'.'.repeat(15)}] 1/2, refused 0, postponed 0`);
  expect(shown.endsWith('\r\u001B[K')).toBe(true);
});
