import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import type { ImportItem, ImportCounts, InvalidItem } from '../../domain/grant/grant-import.js';
import { type CommandResult, globalOptions } from '../shared/command-result.js';
import { EXIT, type ExitCode, Failure } from '../shared/failure.js';
import { readStandardInput, readText } from '../shared/files.js';
import { readSettings, withModules } from '../shared/open-broker.js';
import { print } from '../shared/output.js';
import { ImportReport } from './import-report.js';

const EXAMPLES = `
Examples:
  token-broker grant import nango.ndjson --dry-run
  token-broker grant import nango.ndjson
  token-broker grant import nango.ndjson --replace
  export-tokens | token-broker grant import -
  token-broker grant import nango.ndjson --json |
    jq '.results[] | select(.status == "refused")'

FILE holds one JSON object a line: {"user_id": "alice", "client": "default",
"refresh_token": "1//0...", "scopes": [...], "account": "..."}; client, scopes
and account may be left out. docs/migrating.md has recipes for Nango,
better-auth, Keycloak and google-ads.yaml.

Google verifies each refresh token by one refresh, and says which account and
scopes it has. Tokens are never shown. Stop it whenever you like: run with the
same file again, it continues and asks Google only about what is not imported
yet. Exits with 3 when lines were refused, and with 69 when Google or the
database did not answer: then run it again.`;

interface Options {
  readonly dryRun?: true;
  readonly replace?: true;
}

export function grantImport(): Command {
  return new Command('import')
    .description('Import grants that another system made, by their refresh tokens')
    .argument('<file>', 'one JSON object a line (NDJSON), or - for standard input')
    .option('--dry-run', 'ask Google about each token, and store nothing')
    .option('--replace', 'let another token take the place of the one that an active grant has')
    .addHelpText('after', EXAMPLES)
    .action(async function (this: Command, file: string, options: Options) {
      const asJson = globalOptions(this).json ?? false;
      const { text, json, exitCode } = await importFile(file, options, asJson);
      await print(asJson ? JSON.stringify(json, null, 2) : text);
      if (exitCode !== undefined) process.exitCode = exitCode;
    });
}

async function importFile(file: string, options: Options, asJson: boolean): Promise<CommandResult> {
  const { dryRun = false, replace = false } = options;
  const [settings, { ImportModule }] = await Promise.all([
    readSettings(process.env),
    import('./import.module.js'),
  ]);
  const [{ ImportGrants }, { readImportItem }, { toImportResponse }, { readJsonObject }] = await Promise.all([
    import('../../grants/import-grants.js'),
    import('../../grants/import-grants.dto.js'),
    import('../../grants/import-grants.response.js'),
    import('../../google/read-json.js'),
  ]);
  const notes = warnings(file);
  const lines = linesOf(await read(file));
  const report = new ImportReport(lines.length, { asJson, dryRun });
  for (const note of notes) report.note(note);
  async function* items(): AsyncGenerator<ImportItem | InvalidItem> {
    for (const { text } of lines) {
      const value = readJsonObject(text);
      yield value
        ? await readImportItem(value)
        : { errors: { line: 'must be one JSON object, with each member once.' } };
    }
  }
  const results: object[] = [];
  await withModules(settings, [ImportModule], async (broker) => {
    const importing = broker
      .get(ImportGrants)
      .run(items(), { service: null, requestId: null, replace, dryRun });
    let at = 0;
    for await (const result of importing) {
      const { number } = lines[at++] as Line;
      report.add(number, result);
      if (asJson) results.push(Object.assign({ line: number }, toImportResponse(result)));
    }
  }).finally(() => {
    report.close();
  });
  const { summary } = report;
  const exitCode = exitCodeOf(summary);
  return {
    text: report.conclusion(),
    json: { dry_run: dryRun, summary, results, notes },
    ...(exitCode === EXIT.done ? {} : { exitCode }),
  };
}

/** What Google or the database left open comes first: the same file is to be imported again. */
function exitCodeOf({ refused, postponed }: Readonly<ImportCounts>): ExitCode {
  if (postponed > 0) return EXIT.unavailable;
  return refused > 0 ? EXIT.refused : EXIT.done;
}

interface Line {
  readonly number: number;
  readonly text: string;
}

async function read(file: string): Promise<string> {
  if (file === '-') return readStandardInput();
  const path = resolve(file);
  return readText(
    path,
    (code) => new Failure(EXIT.notFound, 'file_not_found', `${path} cannot be read (${code}).`),
  );
}

/** Without empty lines; as editors on Windows end them, too. */
function linesOf(content: string): Line[] {
  return content
    .split('\n')
    .map((line, index) => ({ number: index + 1, text: line.trim() }))
    .filter(({ text }) => text !== '');
}

/** Windows has no such mode. */
function warnings(file: string): string[] {
  if (file === '-' || process.platform === 'win32') return [];
  const mode = statSync(resolve(file), { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & 0o077) === 0) return [];
  return [
    `Careful: others on this machine can read ${resolve(file)}, which holds refresh tokens. Run chmod 600 on it, and delete it ` +
      'after the import.',
  ];
}
