import { Command } from 'commander';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { readSettings, withModules } from '../shared/open-broker.js';

const EXAMPLES = `
Examples:
  token-broker export > services.yaml
  token-broker export | token-broker apply - --dry-run

Active services with their policies and branding, webhooks, issuers and settings
of clients, as \`token-broker apply\` reads them. Never a key, its hash or a
secret that signs. Addresses of webhooks are in full: a path can hold a token.`;

export function exportDeclaration(): Command {
  return new Command('export')
    .description('Write services, webhooks, issuers and clients as a file for `apply`')
    .addHelpText('after', EXAMPLES)
    .action(printResult(exportAll));
}

async function exportAll(): Promise<CommandResult> {
  const [settings, { DeclarationsModule }, { ApplyDeclaration }, { writeDeclaration }] = await Promise.all([
    readSettings(process.env),
    import('./declarations.module.js'),
    import('../../declarations/apply-declaration.js'),
    import('./write-declaration.js'),
  ]);
  const declaration = await withModules(settings, [DeclarationsModule], (broker) =>
    broker.get(ApplyDeclaration).export(),
  );
  const { yaml, json } = writeDeclaration(declaration);
  return { text: yaml, json };
}
