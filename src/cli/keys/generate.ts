import { resolve } from 'node:path';
import { Command } from 'commander';
import { EXIT, Failure } from '../shared/failure.js';
import { type Answer, answers } from '../shared/print.js';
import { writeExtended, writeNew } from './write-key-ring.js';

const EXAMPLES = `
Examples:
  token-broker keys generate --out /etc/token-broker/key-ring.json
  token-broker keys generate --out /etc/token-broker/key-ring.json --add

Without --add, an existing file is never touched. With --add, a new sealing key goes in front of the others: it
seals from now on, and the older ones still open what they sealed. Keys are written to the file and never shown.`;

const AFTER_NEW = `Next:
  1. Set KEY_RING_FILE to this path.
  2. Keep a copy in a safe place, apart from copies of the database. Without it, no stored token opens again.`;

const AFTER_ADD = `Next:
  1. Give this file to every replica of the broker. Each reads it within 5 seconds; no restart is needed, except
     where the file is mounted into a container by itself.
  2. Run \`token-broker keys reseal\`. It says when the older keys may be removed.`;

interface Options {
  readonly out: string;
  readonly add?: boolean;
}

export function keysGenerate(): Command {
  return new Command('generate')
    .description('Make a key ring, or put a new key into one')
    .requiredOption('--out <file>', 'the key ring, a JSON Web Key Set; made with mode 0600')
    .option('--add', 'put a new sealing key in front of those in the file')
    .addHelpText('after', EXAMPLES)
    .action(answers(generate));
}

async function generate({ out, add = false }: Options): Promise<Answer> {
  const path = resolve(out);
  const { generateKeyRing, keyRingFaults, readKeyRing } = await import('../../sealing/key-ring.js');
  const now = new Date();
  if (add) {
    writeExtended(path, () => {
      const [fault] = keyRingFaults(path);
      if (fault !== undefined) throw faulty(path, fault);
      return generateKeyRing(now, path);
    });
  } else {
    writeNew(path, generateKeyRing(now));
  }
  const { sealingKeyId, sealingKeys } = readKeyRing(path);
  const older = [...sealingKeys.keys()].filter((id) => id !== sealingKeyId);
  return {
    text: [
      add
        ? `Added the key ${sealingKeyId} to ${path}.`
        : `Made the key ring ${path} with the key ${sealingKeyId}.`,
      ...(older.length > 0 ? [`Older keys in it: ${older.join(', ')}.`] : []),
      add ? AFTER_ADD : AFTER_NEW,
    ].join('\n'),
    json: { file: path, sealing_key_id: sealingKeyId, older_key_ids: older, added: add },
  };
}

function faulty(path: string, fault: string): Failure {
  return new Failure(EXIT.faultyConfiguration, 'key_ring_faulty', `${path} ${fault}. Nothing was changed.`);
}
