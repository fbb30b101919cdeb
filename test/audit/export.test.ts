import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { AuditExportRepository } from '../../src/token-store/audit/audit-export.repository.js';
import { emptyFolder, startTokenBroker, tokenBroker } from '../cli/token-broker.js';
import type { Api } from '../support/api.js';
import { exhaustive } from '../support/exhaustive.js';
import { startTestBed, type TestBed } from '../support/test-bed.js';
import { until } from '../support/until.js';
import { ExportFile } from '../../src/cli/audit/export-file.js';

/** A reader that copies the audit trail elsewhere gets each event once, wherever it stopped and however late an event was written. */
interface Line {
  readonly id: string;
  readonly at: string;
  readonly user_id: string | null;
  readonly cursor: string;
}

let bed: TestBed;
let auditor: Api;

beforeAll(async () => {
  bed = await startTestBed();
  auditor = await bed.service({ audit: true });
});
beforeEach(() => bed.reset());
afterAll(() => bed.stop());

/** @param ago how many seconds ago the database recorded it */
const add = async (userId: string | null, ago: number, at = '2026-11-01T00:00:00Z', database?: pg.Client) => {
  const id = randomUUID();
  const sql = `INSERT INTO audit_trail (id, at, last_at, action, outcome, actor, user_id, recorded_at)
    VALUES ($1, $2, $2, 'grant.disconnect', 'ok', 'reports', $3, clock_timestamp() - $4 * interval '1 second')`;
  await (database ? database.query(sql, [id, at, userId, ago]) : bed.sql(sql, [id, at, userId, ago]));
  return id;
};
/** The whole lines of it: the last one of a process that was killed may be cut. */
const linesOf = (text: string) =>
  text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
const run = async (...args: string[]) => {
  const { code, stdout, stderr } = await tokenBroker(['audit', 'export', ...args], bed.settings);
  if (code !== 0) throw new Error(stderr);
  return { lines: linesOf(stdout), stderr };
};
const fetchExport = async (after?: string, reader = auditor) => {
  const response = await reader.get('/audit/export', after === undefined ? {} : { after });
  return { ...response, lines: response.status === 200 ? linesOf(response.text) : [] };
};
const nextOf = (headers: Headers) =>
  /^<\/audit\/export\?after=([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1] ?? '';

test('writes events as GET /audit has them, in the order in which they were recorded', async () => {
  const second = await add('bob', 60, '2026-10-01T00:00:00Z');
  const first = await add('alice', 120, '2026-11-20T00:00:00Z');
  const { lines } = await run();
  expect(lines.map(({ id }) => id)).toEqual([first, second]);
  const { body } = await auditor.get('/audit');
  const events = body['events'] as Line[];
  expect(lines.map(({ cursor: _, ...event }) => event)).toEqual(
    [first, second].map((id) => events.find((each) => each.id === id)),
  );
  expect((await fetchExport()).lines).toEqual(lines);
});

test('goes on after a cursor and from a time; the end of one is the beginning of the next', async () => {
  const ids = [await add('a', 300), await add('b', 200), await add(null, 100)];
  const { lines, stderr } = await run();
  expect(lines.map(({ id }) => id)).toEqual(ids);
  expect((await run('--after', lines[0]?.cursor ?? '')).lines).toEqual(lines.slice(1));
  expect((await run('--after', '4m')).lines).toEqual(lines.slice(1));
  const [, next = ''] = /^3 event\(s\)\. The next export: --after (\S+)$/m.exec(stderr) ?? [];
  expect((await run('--after', next)).lines).toEqual([]);
  const response = await fetchExport(lines[1]?.cursor);
  expect(response.lines).toEqual(lines.slice(2));
  expect((await fetchExport(nextOf(response.headers))).lines).toEqual([]);
});

test('has rows from before there was a time of recording, by the time of the event', async () => {
  const [late, early] = [
    await add('b', 0, '2026-11-02T00:00:00Z'),
    await add('a', 0, '2026-11-01T00:00:00Z'),
  ];
  const recent = await add('c', 60, '2026-10-01T00:00:00Z');
  await bed.sql('UPDATE audit_trail SET recorded_at = NULL WHERE id = ANY ($1)', [[late, early]]);
  expect((await run()).lines.map(({ id }) => id)).toEqual([early, late, recent]);
});

describe('an event that is committed late', () => {
  let writer: pg.Client;
  beforeAll(async () => {
    writer = new pg.Client({ connectionString: bed.ownerUrl });
    await writer.connect();
  });
  afterAll(() => writer.end());

  test('is waited for, since it comes before others that are there already', async () => {
    await writer.query('BEGIN');
    const late = await add('late', 60, undefined, writer);
    const there = await add('there', 30);
    const exporting = run();
    // The export has asked for those that write.
    await until(async () => {
      const [row] = await bed.sql(
        `SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%virtualtransaction AS writer%'`,
      );
      return Number(row?.['count']) > 1;
    });
    await writer.query('COMMIT');
    expect((await exporting).lines.map(({ id }) => id)).toEqual([late, there]);
  });

  exhaustive.test(
    'ends the export with a failure where it does not come, and nothing is left out later',
    async () => {
      await writer.query('BEGIN');
      const late = await add('late', 60, undefined, writer);
      const there = await add('there', 30);
      await expect(bed.app.get(AuditExportRepository).horizon(100)).rejects.toMatchObject({ code: '55P03' });
      await writer.query('COMMIT');
      expect((await run()).lines.map(({ id }) => id)).toEqual([late, there]);
    },
  );

  exhaustive.test('is after the cursor also where it happened long before', async () => {
    const first = await add('first', 60, '2026-11-20T00:00:00Z');
    const { lines } = await run();
    const late = await add('late', 30, '2026-01-01T00:00:00Z');
    expect(lines.map(({ id }) => id)).toEqual([first]);
    expect((await run('--after', lines[0]?.cursor ?? '')).lines.map(({ id }) => id)).toEqual([late]);
  });

  exhaustive.test(
    'is left out while its time is so near that a promoted standby could record before it',
    async () => {
      await add('now', 0);
      expect((await run()).lines).toEqual([]);
      expect((await fetchExport()).lines).toEqual([]);
    },
  );
});

exhaustive.test(
  'resumes where it was killed, again and again, with every event once',
  async () => {
    await bed.sql(
      `INSERT INTO audit_trail (id, at, last_at, action, outcome, actor, user_id, recorded_at)
     SELECT gen_random_uuid(), t, t, 'token.issue', 'ok', 'reports', 'user-' || n, now() - interval '1 hour' + n / 7 * interval '1 ms'
     FROM generate_series(1, 30000) AS n, LATERAL (SELECT now() - n * interval '1 minute' AS t) AS _`,
    );
    const ids: string[] = [];
    let cursor: string | undefined;
    for (const attempt of [1, 2, 3]) {
      const after = cursor === undefined ? [] : ['--after', cursor];
      const command = startTokenBroker(['audit', 'export', ...after], bed.settings);
      if (attempt < 3) {
        await until(() => command.printed().stdout.length > 100_000);
        command.kill('SIGKILL');
      }
      const { code, stdout } = await command.finished;
      expect(code).toBe(attempt < 3 ? null : 0);
      const lines = linesOf(stdout);
      ids.push(...lines.map(({ id }) => id));
      cursor = lines.at(-1)?.cursor ?? cursor;
    }
    const all = await bed.sql('SELECT id FROM audit_trail');
    expect(ids).toHaveLength(30_000);
    expect(new Set(ids)).toEqual(new Set(all.map((row) => String(row['id']))));
  },
  60_000,
);

describe('GET /audit/export', () => {
  test('needs the right to audit', async () => {
    const { status, body } = await fetchExport(undefined, await bed.service());
    expect({ status, code: body['code'] }).toEqual({ status: 403, code: 'not_allowed' });
  });

  test('has the users that a policy covers, and events of no user for a service that covers all', async () => {
    for (const user of ['alice', 'bob', null]) await add(user, 60);
    const strict = await bed.service({ audit: true, users: ['bob'] });
    const seen = await fetchExport(undefined, strict);
    expect(seen.lines.map(({ user_id }) => user_id)).toEqual(['bob']);
    expect((await fetchExport()).lines).toHaveLength(3);
  });

  test.each([
    'yesterday',
    '2026-11-01',
    '2026-11-01T00:00:00Z_x',
    '2026-13-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '0000-01-01T00:00:00Z',
    '_',
    ' ',
  ])('is refused with the cursor %p', async (after) => {
    const { status, body } = await fetchExport(after);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'invalid_request', errors: { after: expect.any(String) } });
  });

  test('is sent as NDJSON that no cache keeps', async () => {
    const { headers } = await fetchExport();
    expect(headers.get('content-type')).toBe('application/x-ndjson');
    expect(headers.get('cache-control')).toBe('no-store');
  });
});

describe('an export that is added to a file', () => {
  const append = async (path: string, ...args: string[]) => {
    const run = await tokenBroker(['audit', 'export', '--append', path, ...args], bed.settings);
    return { ...run, ids: linesOf(readFileSync(path, 'utf8')).map(({ id }) => id) };
  };

  test.each([
    ['cut inside its last line', (text: string) => text.slice(0, -40)],
    ['cut inside its first line', (text: string) => text.slice(0, 40)],
    ['cut just before the last line break', (text: string) => text.slice(0, -1)],
    ['whole', (text: string) => text],
    ['empty', () => ''],
  ])('has every event once where the file is %s', async (_, cut) => {
    const ids = [await add('a', 300), await add('b', 200)];
    const path = join(emptyFolder(), 'audit.ndjson');
    expect(await append(path)).toMatchObject({ code: 0, stdout: '', ids });
    writeFileSync(path, cut(readFileSync(path, 'utf8')));
    const third = await add('c'.repeat(200), 100);
    const { ids: all, stderr } = await append(path);
    expect(all).toEqual([...ids, third]);
    expect(readFileSync(path, 'utf8').endsWith('\n')).toBe(true);
    expect(stderr).toMatch(/^\d event\(s\)\. The next export: --after \S+\n$/);
    const again = await append(path, '--json');
    expect(JSON.parse(again.stdout)).toEqual({ events: 0, next: expect.any(String) });
    expect(again.ids).toEqual(all);
  });

  test('is only readable by its owner, and goes on after a line of more than 64 kilobytes', async () => {
    const first = await add('a', 200);
    await bed.sql(`UPDATE audit_trail SET details = jsonb_build_object('scopes', repeat('x', 200000))`);
    const path = join(emptyFolder(), 'audit.ndjson');
    await append(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, 150_000), { flag: 'a' });
    expect((await append(path)).ids).toEqual([first]);
  });

  test('fails where another process writes to the file meanwhile, and leaves what that wrote', async () => {
    await add('a', 300);
    const path = join(emptyFolder(), 'audit.ndjson');
    const file = await ExportFile.open(path);
    await file.write('{"id":"1"}\n');
    writeFileSync(path, '{"id":"2"}\n', { flag: 'a' });
    await expect(file.write('{"id":"3"}\n')).rejects.toThrow('Another process writes to');
    await file.close();
    expect(readFileSync(path, 'utf8')).toBe('{"id":"1"}\n{"id":"2"}\n');
  });

  test.each(['a note\nand its end', '{"installed":{}}', 'postgresql://broker@localhost/broker'])(
    'does not touch a file of something else, such as %j, also where the database does not answer',
    async (text) => {
      const path = join(emptyFolder(), 'file');
      writeFileSync(path, text);
      const away = { ...bed.settings, DATABASE_URL: 'postgresql://broker@127.0.0.1:1/none' };
      for (const settings of [bed.settings, away]) {
        expect((await tokenBroker(['audit', 'export', '--append', path], settings)).code).toBe(3);
        expect(readFileSync(path, 'utf8')).toBe(text);
      }
    },
  );

  test('says that a file is of something else, and takes no other beginning', async () => {
    const path = join(emptyFolder(), 'notes');
    writeFileSync(path, 'a note\nand its end');
    const run = (...args: string[]) =>
      tokenBroker(['audit', 'export', '--append', path, ...args], bed.settings);
    expect(await run()).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('not an event with a cursor'),
    });
    expect(readFileSync(path, 'utf8')).toBe('a note\nand its end');
    expect((await run('--after', '4m')).code).toBe(2);
    const folder = await tokenBroker(['audit', 'export', '--append', emptyFolder()], bed.settings);
    expect(folder.code).toBe(3);
    const missing = join(emptyFolder(), 'missing', 'audit.ndjson');
    expect((await tokenBroker(['audit', 'export', '--append', missing], bed.settings)).code).toBe(4);
  });
});

test('a cursor that is none is wrong usage', async () => {
  for (const after of ['x', '2026-11-01T00:00:00Z_x', 'soon_']) {
    const { code } = await tokenBroker(['audit', 'export', '--after', after], bed.settings);
    expect(code).toBe(2);
  }
});

describe('an option of audit', () => {
  test.each([
    ['--user', 'alice'],
    ['--service', 'reports'],
    ['--action', 'grant.disconnect'],
    ['--since', '7d'],
    ['--until', '1d'],
    ['--limit', '1'],
    ['--csv'],
  ])('is refused by the export, which has no filter, wherever it stands (%s)', async (...option) => {
    await add('alice', 60);
    for (const args of [
      ['audit', 'export', ...option],
      ['audit', ...option, 'export'],
    ]) {
      const { code, stdout, stderr } = await tokenBroker(args, bed.settings);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(option[0]);
      expect(stderr).toContain('See `token-broker audit export --help`.');
    }
  });

  test('is not in the help of the export', async () => {
    const { stdout } = await tokenBroker(['audit', 'export', '--help']);
    expect(stdout).toContain('--json');
    expect(stdout).not.toMatch(/--(user|service|action|since|until|limit|csv) /);
  });
});

test('takes --json before and after its name', async () => {
  const id = await add('alice', 60);
  for (const args of [
    ['--json', 'audit', 'export'],
    ['audit', '--json', 'export'],
    ['audit', 'export', '--json'],
  ]) {
    const { code, stdout, stderr } = await tokenBroker(args, bed.settings);
    expect({ code, ids: linesOf(stdout).map((line) => line.id), stderr }).toEqual({
      code: 0,
      ids: [id],
      stderr: '',
    });
  }
});
