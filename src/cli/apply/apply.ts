import { resolve } from 'node:path';
import { Command } from 'commander';
import type { Declaration } from '../../declarations/declaration.js';
import type { Applied } from '../../declarations/apply-declaration.js';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { EXIT, Failure } from '../shared/failure.js';
import { readStandardInput, readText } from '../shared/files.js';
import { readSettings, withModules } from '../shared/open-broker.js';
import { SecretsFile, secretsAsJson, secretsInText } from './new-secrets.js';
import type { YamlFile } from './yaml-file.js';

const EXAMPLES = `
Examples:
  token-broker apply services.yaml --dry-run
  token-broker apply services.yaml
  token-broker apply services.yaml --secrets-to new-secrets.json
  token-broker apply services.yaml --secrets-from new-secrets.json
  token-broker export > services.yaml

Applies a file of services, webhooks, issuers and settings of clients in one
transaction, and prints what changes: + is new, ~ changes, - goes. What the file
does not name stays; with --prune, services that a section does not name are
revoked and other items deleted, in the sections that the file has.
The key of a new service and the secret of a new webhook are shown once, or
written into a file that only you may read. docs/declarative.md has the format.`;

interface Options {
  readonly dryRun?: boolean;
  readonly prune?: boolean;
  readonly secretsTo?: string;
  readonly secretsFrom?: string;
}

export function apply(): Command {
  return new Command('apply')
    .description('Apply a file of services, webhooks, issuers and settings of clients')
    .argument('<file>', 'a YAML file, or - for standard input')
    .option('--dry-run', 'show what would change, and change nothing')
    .option('--prune', 'revoke or delete what the sections of the file do not name')
    .option('--secrets-to <path>', 'write new keys and secrets into this new file, and do not show them')
    .option(
      '--secrets-from <path>',
      'give new services and webhooks what another cell wrote with --secrets-to',
    )
    .addHelpText('after', EXAMPLES)
    .action(printResult(applyFile));
}

async function applyFile(name: string, options: Options): Promise<CommandResult> {
  const { dryRun: isDryRun = false, prune: isPruning = false, secretsTo, secretsFrom } = options;
  const { readGivenSecrets } = await import('./given-secrets.js');
  const given = readGivenSecrets(secretsFrom);
  const [{ file, declaration }, settings, modules] = await Promise.all([
    readDeclared(name, isPruning),
    readSettings(process.env),
    Promise.all([
      import('./declarations.module.js'),
      import('../../declarations/apply-declaration.js'),
      import('../../declarations/check-declaration.js'),
      import('./yaml-file.js'),
      import('./show-changes.js'),
    ]),
  ]);
  const [
    { DeclarationsModule },
    { ApplyDeclaration },
    { DeclarationFaulty },
    { faultLines },
    { changesInText, changesAsJson },
  ] = modules;
  const target = secretsTo === undefined || isDryRun ? null : SecretsFile.at(resolve(secretsTo));
  const applied = await committed((onCommitted) =>
    withModules(settings, [DeclarationsModule], async (broker) => {
      const beforeCommit = target === null ? undefined : target.write.bind(target);
      onCommitted(
        await broker.get(ApplyDeclaration).apply(declaration, { isDryRun, isPruning, given, beforeCommit }),
      );
    }),
  ).catch(async (error: unknown) => {
    if (error instanceof DeclarationFaulty) {
      target?.remove();
      throw faulty(name, faultLines(name, error.faults, file));
    }
    throw target === null ? error : await target.explain(error);
  });
  const { changes } = applied;
  const { secrets } = applied;
  const count = `${changes.length} ${changes.length === 1 ? 'change' : 'changes'}`;
  return {
    text: [
      ...(changes.length === 0 ? ['No changes: the broker matches the file.'] : [changesInText(changes)]),
      ...(changes.length > 0 ? [isDryRun ? `${count}. Nothing was written.` : `${count} made.`] : []),
      ...(secrets.length === 0 ? [] : [target === null ? secretsInText(secrets) : target.note]),
    ].join('\n\n'),
    json: {
      changes: changesAsJson(changes),
      applied: !isDryRun && changes.length > 0,
      ...(secrets.length === 0
        ? {}
        : target === null
          ? secretsAsJson(secrets)
          : { secrets_file: target.path }),
    },
  };
}

async function readDeclared(
  name: string,
  isPruning: boolean,
): Promise<{ file: YamlFile; declaration: Declaration }> {
  const [{ parseYaml, faultLines }, { readDeclaration, folderOf }] = await Promise.all([
    import('./yaml-file.js'),
    import('./read-declaration.js'),
  ]);
  const text =
    name === '-'
      ? await readStandardInput()
      : readText(
          resolve(name),
          (code) =>
            new Failure(EXIT.fileMissing, 'file_missing', `${resolve(name)} cannot be read (${code}).`),
        );
  const file = parseYaml(text);
  if (Array.isArray(file)) {
    throw faulty(
      name,
      file.map(({ line, message }) => `${name}:${line}: ${message}`),
    );
  }
  const { declaration, faults } = readDeclaration(file.content, {
    folder: folderOf(name),
    env: process.env,
    isPruning,
  });
  if (faults.length > 0) throw faulty(name, faultLines(name, faults, file));
  return { file, declaration };
}

function faulty(name: string, lines: readonly string[]): Failure {
  return new Failure(
    EXIT.wrongUsage,
    'file_faulty',
    [
      `${name} has ${lines.length === 1 ? 'a fault' : `${lines.length} faults`}; nothing was changed:`,
      ...lines,
    ].join('\n'),
    lines,
  );
}

/**
 * What was applied, even where closing fails afterwards: it is committed, and its keys are shown this once.
 * @param run hands over what it has committed
 */
async function committed(run: (onCommitted: (applied: Applied) => void) => Promise<void>): Promise<Applied> {
  let applied: Applied | null = null as Applied | null;
  try {
    await run((done) => (applied = done));
  } catch (error) {
    if (applied === null) throw error;
  }
  if (applied === null) throw new Error('Nothing was applied.');
  return applied;
}
