import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { wrongUsage } from '../shared/failure.js';
import { kmsSettings, readRing, replaceRing, writeNewRing } from './ring-files.js';

const EXAMPLES = `
Examples:
  token-broker keys generate --out /etc/token-broker/key-ring.json
  token-broker keys generate --out /etc/token-broker/key-ring.json --add

Without --add, an existing file is never touched. With --add, a new sealing key
is put in front of the others. It seals in ten minutes, by when every replica
must have the file; until then it only opens. With --now it seals at once, for a
key ring that leaked: a replica without the file then refuses what others seal.
The older keys still open what they sealed. Keys are written to the file and
never shown. A key ring that is wrapped stays so.`;

const AFTER_NEW = `Next:
  1. Set KEY_RING_FILE to this path.
  2. Keep a copy in a safe place, apart from copies of the database. Without it,
     no stored token can be opened.`;

const SEALS_AFTER_MS = 10 * 60_000;

const afterAdd = (sealsFrom: Date | null) => `Next:
  1. Give this file to every replica of the broker${sealsFrom ? ' before then' : ''}. Each reads it within 5
     seconds; no restart is needed, except where the file is mounted into a
     container by itself.
  2. ${sealsFrom ? 'After that time' : 'Then'} run \`token-broker keys reseal\`. It says when the older keys
     may be removed.`;

interface Options {
  readonly out: string;
  readonly add?: boolean;
  readonly now?: boolean;
  readonly kmsKey?: string;
}

export function keysGenerate(): Command {
  return new Command('generate')
    .description('Create a key ring, or add a key to one')
    .requiredOption('--out <file>', 'the key ring, a JSON Web Key Set; created with mode 0600')
    .addOption(new Option('--add', 'add a new sealing key in front of those in the file').conflicts('kmsKey'))
    .option('--now', 'with --add: the new key seals at once, and not in ten minutes')
    .option('--kms-key <uri>', 'wrap the new key ring with this key of a KMS, as `keys rewrap` does')
    .addHelpText('after', EXAMPLES)
    .action(printResult(generate));
}

async function generate({ out, add = false, now: atOnce = false, kmsKey }: Options): Promise<CommandResult> {
  if (atOnce && !add) throw wrongUsage('--now needs --add', 'token-broker keys generate');
  const path = resolve(out);
  const [{ generateKeyRing, keyRingOf }, { wrapRing }] = await Promise.all([
    import('../../sealing/key-ring.js'),
    import('../../sealing/ring-file.js'),
  ]);
  const now = new Date();
  const sealsFrom = add && !atOnce ? new Date(now.getTime() + SEALS_AFTER_MS) : null;
  const kms = await kmsSettings(kmsKey);
  const { json } = add
    ? await replaceRing(path, async () => {
        const { json: older, wrappedBy } = await readRing(path, kms);
        const extended = generateKeyRing(now, older, sealsFrom);
        // By the newest version of the same key.
        const content = wrappedBy ? (await wrapRing(extended, wrappedBy.kmsKey, kms)).content : extended;
        return { content, json: extended };
      })
    : { json: generateKeyRing(now) };
  if (!add) writeNewRing(path, kmsKey === undefined ? json : (await wrapRing(json, kmsKey, kms)).content);
  const [newest = '', ...older] = keyRingOf(json).sealingKeys.keys();
  return {
    text: [
      add ? `Added the key ${newest} to ${path}.` : `Created the key ring ${path} with the key ${newest}.`,
      ...(sealsFrom ? [`It seals from ${sealsFrom.toISOString()} on. Until then it only opens.`] : []),
      ...(older.length > 0 ? [`Older keys in it: ${older.join(', ')}.`] : []),
      add ? afterAdd(sealsFrom) : AFTER_NEW,
    ].join('\n'),
    json: {
      file: path,
      sealing_key_id: newest,
      seals_from: sealsFrom?.toISOString() ?? null,
      older_key_ids: older,
      added: add,
    },
  };
}
