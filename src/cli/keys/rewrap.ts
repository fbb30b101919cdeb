import { resolve } from 'node:path';
import { Command } from 'commander';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { faultyConfiguration, wrongUsage } from '../shared/failure.js';
import { kmsSettings, readRing, replaceRing } from './ring-files.js';

const EXAMPLES = `
Examples:
  token-broker keys rewrap --kms-key \\
    gcp-kms://projects/example/locations/global/keyRings/broker/cryptoKeys/ring
  token-broker keys rewrap
  token-broker keys rewrap --plain

Encrypts the key ring with a key of Google Cloud KMS: one that is not wrapped
yet, or again, with the key's newest version or with another key. What the KMS
made is decrypted once before the file is replaced, whole or not at all, so that
there is a readable key ring at each moment. The keys in it stay the same:
nothing stored has to be sealed again. --plain takes the wrapping off.`;

interface Options {
  readonly file?: string;
  readonly kmsKey?: string;
  readonly plain?: boolean;
}

export function keysRewrap(): Command {
  return new Command('rewrap')
    .description('Wrap the key ring with a key of a KMS, or with its newest version')
    .option('--file <path>', 'the key ring; KEY_RING_FILE if left out')
    .option('--kms-key <uri>', 'the key; KEY_RING_KMS_KEY if left out')
    .option('--plain', 'leave the key ring without a wrapping')
    .addHelpText('after', EXAMPLES)
    .action(printResult(rewrap));
}

async function rewrap({ file, kmsKey: given, plain = false }: Options): Promise<CommandResult> {
  if (plain && given !== undefined) {
    throw wrongUsage('--plain and --kms-key exclude each other.', 'token-broker keys rewrap');
  }
  const name = file ?? process.env['KEY_RING_FILE'];
  if (!name) throw faultyConfiguration(['KEY_RING_FILE is not set; --file names a key ring, too']);
  const path = resolve(name);
  const kms = await kmsSettings(given);
  const { kmsKey } = kms;
  if (kmsKey === null && !plain) {
    throw faultyConfiguration(['KEY_RING_KMS_KEY is not set; --kms-key names a key, too']);
  }
  const { wrapRing } = await import('../../sealing/ring-file.js');
  const { before, after } = await replaceRing(path, async () => {
    const { json, wrappedBy } = await readRing(path, kms);
    const before = wrappedBy?.keyVersion ?? null;
    if (plain || kmsKey === null) return { content: json, before, after: null };
    const { content, keyVersion } = await wrapRing(json, kmsKey, kms);
    return { content, before, after: keyVersion };
  });
  return {
    text: [
      after === null ? `${path} is not wrapped any more.` : `${path} is wrapped by ${after}.`,
      before === null ? 'It was not wrapped before.' : `Before, it was wrapped by ${before}.`,
      after === null ? AFTER_PLAIN : AFTER_WRAPPED,
    ].join('\n'),
    json: { file: path, kms_key: plain ? null : kmsKey, key_version: after, key_version_before: before },
  };
}

const AFTER_WRAPPED = `Next:
  1. Give this file to every replica of the broker, each with KEY_RING_KMS_KEY
     set to the key. Each reads it within 5 seconds.
  2. Older versions of the key may be disabled once no replica and no backup has
     a file that they wrapped. Destroy a copy that is not wrapped.`;

const AFTER_PLAIN = `Next: give this file to every replica of the broker, and restart each without
KEY_RING_KMS_KEY: a running one does not read a key ring that is not wrapped any
more.`;
