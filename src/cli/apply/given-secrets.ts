/*
 * The keys and secrets that another cell made of the same file, as --secrets-to wrote them: a service has one key in all cells. Owns how
 * that file is read. Does not own who gets one (declarations/plan-declaration.ts).
 */
import { resolve } from 'node:path';
import { type GivenSecrets, NONE_GIVEN } from '../../declarations/declaration.js';
import { Secret } from '../../domain/secret.js';
import { isWebhookSecret } from '../../domain/webhook/webhook.js';
import { readKey } from '../../services/service-key.js';

import { EXIT, Failure } from '../shared/failure.js';
import { readText } from '../shared/files.js';

/** @throws {Failure} `file_missing` or `file_faulty`, which names what is wrong and shows nothing of it */
export function readGivenSecrets(name: string | undefined): GivenSecrets {
  if (name === undefined) return NONE_GIVEN;
  const path = resolve(name);
  const text = readText(
    path,
    (code) => new Failure(EXIT.fileMissing, 'file_missing', `${path} cannot be read (${code}).`),
  );
  const content = parse(text);
  const keys = textsOf(content?.['service_keys']);
  const secrets = textsOf(content?.['webhook_secrets']);
  if (keys === null || secrets === null) throw faulty(path, 'is not a file that --secrets-to wrote');
  return {
    serviceKeys: new Map(
      keys.map(([service, value]) => {
        const key = readKey(value);
        if (key === null) throw faulty(path, `has no key for the service ${service}, but something else`);
        return [service, key];
      }),
    ),
    webhookSecrets: new Map(
      secrets.map(([webhook, value]) => {
        if (!isWebhookSecret(value))
          throw faulty(path, `has no secret for the webhook ${webhook}, but something else`);
        return [webhook, new Secret(value)];
      }),
    ),
  };
}

function faulty(path: string, what: string): Failure {
  return new Failure(EXIT.wrongUsage, 'file_faulty', `${path} ${what}; nothing was changed.`);
}

function parse(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const content: unknown = JSON.parse(text);
    return typeof content === 'object' ? (content as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}

function textsOf(value: unknown): [string, string][] | null {
  if (typeof value !== 'object' || value === null) return null;
  const entries = Object.entries(value);
  return entries.every((entry): entry is [string, string] => typeof entry[1] === 'string') ? entries : null;
}
