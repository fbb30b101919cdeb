/** What commands of webhooks share: their options, how a webhook is shown, and refusals. Owns no rule of webhooks (domain/webhook/). */
import type { Command } from 'commander';
import { BrokerError } from '../../domain/errors.js';
import { Secret } from '../../domain/secret.js';
import { isWebhookSecret, type Webhook, WEBHOOK_SECRET_RULE } from '../../domain/webhook/webhook.js';
import { repeated } from '../shared/command-result.js';
import { EXIT, Failure, wrongUsage } from '../shared/failure.js';
import { readSecret } from '../shared/files.js';

export interface FilterOfWebhook {
  readonly event?: string[];
  readonly service?: string[];
}

export function addWebhookFilters(command: Command): Command {
  return command
    .option('--event <type>', 'a type of event that it gets; repeat for several', repeated)
    .option('--service <id-or-name>', 'only events of grants that this service may see; repeat', repeated);
}

/** `*` stands for no filter, so that one can be taken away. */
export function filterValues(values: readonly string[]): readonly string[] {
  if (values.includes('*') && values.length > 1) throw wrongUsage('* stands alone.');
  return values.includes('*') ? [] : values;
}

/** The secret of `--secret-file`, or a new one. */
export async function secretOf(file: string | undefined): Promise<{ secret: Secret; isNew: boolean }> {
  if (file === undefined) {
    const { generateWebhookSecret } = await import('../../webhooks/webhook-registry.js');
    return { secret: generateWebhookSecret(), isNew: true };
  }
  const secret = await readSecret(file, 'webhook secret');
  const text = secret.reveal().trim();
  if (!isWebhookSecret(text)) throw wrongUsage(`the webhook secret ${WEBHOOK_SECRET_RULE}`);
  return { secret: new Secret(text), isNew: false };
}

/** A new secret, this once. */
export function shownSecret(secret: Secret): string {
  return secret.reveal();
}

export function noWebhook(idOrName: string): Failure {
  return new Failure(
    EXIT.notFound,
    'webhook_not_found',
    `There is no webhook ${idOrName}. \`token-broker webhook list\` lists them.`,
  );
}

/** A refusal that names fields is about the command line; another says that the name is taken. */
export function explain(error: unknown): never {
  if (!(error instanceof BrokerError) || error.code !== 'invalid_request') throw error;
  if ('errors' in error.extensions) throw wrongUsage(error.detail);
  const code = error.extensions['taken'] === 'name' ? 'name_taken' : error.code;
  throw new Failure(EXIT.refused, code, error.detail);
}

/** As `--json` prints it. */
export function webhookAsJson(webhook: Webhook, serviceNames: readonly string[]): object {
  const { id, name, url, events, createdAt, disabledAt, disabledReason } = webhook;
  return {
    id,
    name,
    url,
    events,
    services: serviceNames,
    created_at: createdAt,
    disabled_at: disabledAt,
    disabled_reason: disabledReason,
  };
}
