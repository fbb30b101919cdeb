import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { type CommandResult, printResult, repeated } from '../shared/command-result.js';
import { wrongUsage } from '../shared/failure.js';
import { writePrivateFile } from '../shared/files.js';
import { findBroker, issuerForFile } from './broker-address.js';
import {
  fileContent,
  fileKindFor,
  fileNameFor,
  type Reader,
  READER_NAMES,
  variablesFor,
} from './credential-formats.js';
import { exportLines, faultOfJwtFolder, kubernetesSnippet, pathInPod } from './environment.js';
import { notesFor } from './library-notes.js';
import {
  inCredential,
  readScopes,
  readSource,
  readSubject,
  type SourceOptions,
  type LibraryTokenSource,
  tokenUrlOf,
  withSourceOptions,
  withUrlOptions,
} from './token-source.js';

const NAME = 'token-broker credentials-file';

const EXAMPLES = `
Examples:
  token-broker credentials-file --user alice --for external_account \\
    --key-file reports.key
  token-broker credentials-file --user alice --for google-ads-python \\
    --jwt-file /var/run/secrets/tokens/broker \\
    --print-env=kubernetes
  token-broker credential create --service reports --user alice --json | \\
    jq -r .credential |
    token-broker credentials-file --for gcloud --credential-file -
  eval "$(token-broker credentials-file --user alice --for external_account \\
    --key-file reports.key --print-env)"

Google's libraries then get the user's tokens from the broker, without code. The
file has mode 0600; one that exists is replaced only with --force. What else a
library needs is said on standard error. Keys and JWTs stay in their own files,
which the libraries read again for each token; only a delegated credential is in
the file itself. It comes from a file or from standard input (-), never from an
argument: every user of the machine can read those. docs/libraries.md has each
language. Further exit code: 13 a file is missing.`;

interface Options extends SourceOptions {
  readonly for: Reader;
  readonly output?: string;
  readonly force?: true;
  readonly printEnv?: 'shell' | 'kubernetes';
}

export function credentialsFile(): Command {
  const command = new Command('credentials-file')
    .description("Write the file by which Google's libraries get a user's tokens from the broker")
    .addOption(new Option('--for <reader>', 'who reads it').choices(READER_NAMES).makeOptionMandatory());
  return withUrlOptions(withSourceOptions(command))
    .option('--scope <scope>', 'a scope, for the libraries that read them from the file; repeat', repeated)
    .option('--output <file>', 'where to write it; - prints it instead')
    .option('--force', 'replace an existing file')
    .addOption(
      new Option('--print-env [form]', 'print what a shell evaluates, or a Kubernetes manifest needs')
        .choices(['shell', 'kubernetes'])
        .preset('shell'),
    )
    .addHelpText('after', EXAMPLES)
    .action(async function (this: Command, options: Options) {
      const asJson = this.optsWithGlobals<{ json?: true }>().json ?? false;
      await printResult(() => write(options, asJson)).call(this);
    });
}

async function write(options: Options, asJson: boolean): Promise<CommandResult> {
  const { for: reader, output = fileNameFor(options.for), force = false, printEnv } = options;
  if (output === '-' && printEnv !== undefined)
    throw wrongUsage('--print-env needs a file: name one with --output.', NAME);
  const source = await readSource(options, NAME);
  const kind = fileKindFor(reader, source, NAME);
  const subject = readSubject(options, source, NAME);
  const scopes = readScopes(options, NAME);
  if (source.kind === 'credential' && kind !== 'rclone' && scopes.length > 0)
    throw inCredential('--scope', NAME);
  const broker = await findBroker(options.broker ?? null, process.env);
  const isForPod = printEnv === 'kubernetes';
  const fault = isForPod && source.kind === 'jwt' ? faultOfJwtFolder(source.file) : null;
  if (fault !== null) throw wrongUsage(fault, NAME);
  const address = { ...(await issuerForFile(broker)), tokenUrl: tokenUrlOf(broker.origin, source, subject) };
  const content = fileContent(kind, source, { ...address, subject, scopes, isForPod });
  const notes = [
    ...address.notes,
    ...missingFile(source, isForPod),
    ...notesFor(reader, kind, address.tokenUrl, scopes),
  ];
  if (output === '-') return { text: content.trimEnd(), json: { for: reader, type: kind, content, notes } };

  const file = resolve(output);
  writePrivateFile(file, content, force);
  const variables = variablesFor(reader, file, address.tokenUrl);
  if (!asJson) say([...notes, 'Set in the environment of the program:', exportLines(variables).trimEnd()]);
  return {
    text: shown(options, source, file, address),
    json: { for: reader, type: kind, file, variables, notes },
  };
}

function shown(
  { for: reader, printEnv }: Options,
  source: LibraryTokenSource,
  file: string,
  { issuer, tokenUrl }: { readonly issuer: string; readonly tokenUrl: string },
): string {
  switch (printEnv) {
    case 'shell':
      return exportLines(variablesFor(reader, file, tokenUrl)).trimEnd();
    case 'kubernetes':
      return kubernetesSnippet({
        path: file,
        variables: variablesFor(reader, pathInPod(file), tokenUrl),
        jwt: source.kind === 'jwt' ? { file: source.file, audience: issuer } : null,
        keyFile: source.kind === 'key' ? source.file : null,
      }).trimEnd();
    default:
      return `Wrote ${file}. Only you can read it. Do not commit it to a repository.`;
  }
}

/** It may be written on one machine and used on another: a missing file is said, not refused. */
function missingFile(source: LibraryTokenSource, isForPod: boolean): string[] {
  if (source.kind !== 'key' && source.kind !== 'jwt') return [];
  if (existsSync(source.file) || (isForPod && source.kind === 'jwt')) return [];
  return [`${source.file} is not on this machine. The libraries read it there, at this path.`];
}

/** Standard output belongs to the result, which a shell may evaluate. */
function say(lines: readonly string[]): void {
  process.stderr.write(lines.map((line) => `${line}\n`).join(''));
}
