import { Command, InvalidArgumentError } from 'commander';
import { type Policy, policyOf, type Right, RIGHTS } from '../../domain/access/policy.js';
import type { WorkloadIdentity } from '../../domain/access/workload-identity.js';
import { BrokerError } from '../../domain/errors.js';
import type { BrandingChanges, BrandingRegistry } from '../../services/branding-registry.js';
import type { CreatedService, ServiceWithKey } from '../../services/service-registry.js';
import { type CommandResult, printResult, repeated } from '../shared/command-result.js';
import { EXIT, Failure, wrongUsage } from '../shared/failure.js';
import {
  addBrandingOptions,
  BRANDING_HELP,
  type BrandingOptions,
  brandingAsJson,
  readBranding,
  wrongOptions,
} from './branding-options.js';
import { assertClientsServed, withBroker } from '../shared/open-broker.js';

const EXAMPLES = `
Examples:
  token-broker service create reports --client default \\
    --scope https://www.googleapis.com/auth/yt-analytics.readonly \\
    --user 'team-a:*' --user alice
  token-broker service create backoffice --client '*' --scope '*' --user '*' \\
    --allow disconnect,revoke
  token-broker service create compliance --client '*' --scope '*' --user '*' \\
    --allow audit
  token-broker service create reports --client default --scope '*' --user '*' \\
    --json | jq -r .key
  token-broker service create reports --client default --scope '*' --user '*' \\
    --issuer https://kubernetes.default.svc.cluster.local \\
    --subject system:serviceaccount:analytics:reports

A service gets tokens and creates connect links. --allow adds: audit (read the
audit trail of its users), disconnect (delete a grant in the broker), revoke
(revoke a grant at Google, and with it other users' grants of the same account),
force (let a connect end another user's grant), import (bring refresh tokens of
another system). A rule of --user is a user id, or a prefix followed by *; \\* is
a star in the user id itself.

The key is shown once: the broker stores only its hash. With --issuer and
--subject there is no key: the service authenticates with JWTs of its platform
(docs/workload-identity.md). Quote every *, or the shell replaces it with file
names.
${BRANDING_HELP}`;

interface Options extends BrandingOptions {
  readonly client: string[];
  readonly scope: string[];
  readonly user: string[];
  readonly allow?: Right[];
  readonly issuer?: string;
  readonly subject?: string;
}

export function serviceCreate(): Command {
  const command = new Command('create')
    .description('Create a service: with a key that is shown once, or for an identity of its platform')
    .argument('<name>', 'letters, digits, spaces or . _ -')
    .requiredOption('--client <alias>', 'a client it may use, or *; repeat for several', repeated)
    .requiredOption('--scope <scope>', 'a scope it may ask for, or *; repeat for several', repeated)
    .requiredOption(
      '--user <rule>',
      'a user id it may act for, or a prefix that ends in *; repeat for several',
      repeated,
    )
    .option(
      '--allow <right>',
      `what else it may do: ${RIGHTS.join(', ')}; separated by commas, or repeated`,
      rights,
    )
    .option('--issuer <issuer>', 'the issuer of its JWTs, as SERVICE_ISSUERS_FILE names it')
    .option('--subject <subject>', 'the `sub` of those JWTs');
  return addBrandingOptions(command).addHelpText('after', EXAMPLES).action(printResult(create));
}

async function create(name: string, options: Options): Promise<CommandResult> {
  const { client, scope, user, allow = [], issuer, subject } = options;
  if ((issuer === undefined) !== (subject === undefined)) {
    throw wrongUsage('--issuer and --subject go together.');
  }
  const branding = readBranding(options);
  return withBroker(async (broker) => {
    const { BrandingRegistry: Registry } = await import('../../services/branding-registry.js');
    const { Settings } = await import('../../config/settings.js');
    const { ServiceRegistry } = await import('../../services/service-registry.js');
    assertClientsServed(
      client.filter((alias) => alias !== '*'),
      broker.get(Settings),
    );
    const policy = policyOf({ clients: client, scopes: scope, users: user, allow });
    const registry = broker.get(ServiceRegistry);
    const brandingRegistry = broker.get(Registry);
    // Before the service is there: its name would be taken.
    if (branding) assertBranding(brandingRegistry, branding);
    const identity = issuer === undefined || subject === undefined ? null : { issuer, subject };
    const created =
      identity === null
        ? await registry.create(name, policy).catch(explain)
        : await registry.createForIdentity(name, policy, identity).catch(explain);
    // The service is stored: a fault must not keep its key from being shown.
    const updated =
      branding && (await brandingRegistry.update(created.id, branding).catch(() => 'failed' as const));
    const result =
      identity === null
        ? withKey(created as ServiceWithKey, policy)
        : withIdentity(created, policy, identity);
    if (updated === 'failed') {
      const note = brandingNotStored(name);
      return { text: `${result.text}\n\n${note}`, json: { ...result.json, branding: null, note } };
    }
    return updated
      ? { ...result, json: { ...result.json, branding: brandingAsJson(updated.branding) } }
      : result;
  });
}

function rights(value: string, before: readonly Right[] = []): Right[] {
  const named = value.split(',').map((each) => each.trim());
  const unknown = named.find((each) => !RIGHTS.some((right) => right === each));
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no right ${unknown}.`);
  return [...before, ...(named as Right[])];
}

function withKey({ id, name, key: secret }: ServiceWithKey, policy: Policy): CommandResult {
  const key = secret.reveal();
  return {
    text: [
      `The service ${name} may call the broker now. Its id is ${id}, its key is:`,
      `\n  ${key}\n`,
      'This key is not shown again. Put it into the secret store of the service now; it is sent as',
      '`Authorization: Bearer tbk_...`. If it is lost, revoke the service and create another.',
    ].join('\n'),
    json: { id, name, key, policy },
  };
}

function brandingNotStored(name: string): string {
  return `What users see of it could not be stored. Give it to \`token-broker service update ${name}\`.`;
}

function withIdentity(
  { id, name }: CreatedService,
  policy: Policy,
  identity: WorkloadIdentity,
): CommandResult {
  return {
    text: [
      `The service ${name} may call the broker now. Its id is ${id}. It has no key; it sends a JWT as`,
      '`Authorization: Bearer eyJ...` that was issued',
      `  by   ${identity.issuer}`,
      `  for  ${identity.subject}`,
    ].join('\n'),
    json: { id, name, identity, policy },
  };
}

function assertBranding(registry: BrandingRegistry, branding: BrandingChanges): void {
  try {
    registry.assertValid(branding);
  } catch (error) {
    explain(error);
  }
}

/** A refusal that names fields is about the command line; others say what is taken. */
function explain(error: unknown): never {
  if (!(error instanceof BrokerError)) throw error;
  const { extensions, detail } = error;
  if ('errors' in extensions) throw wrongOptions(error);
  if (extensions['taken'] === 'identity') throw new Failure(EXIT.refused, 'identity_taken', detail);
  throw new Failure(
    EXIT.refused,
    'name_taken',
    `${detail} Choose another name; a revoked service keeps its name, so that audits stay readable.`,
  );
}
