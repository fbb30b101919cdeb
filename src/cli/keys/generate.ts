import { chownSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { type CommandResult, printResult } from '../shared/command-result.js';
import { EXIT, Failure } from '../shared/failure.js';
import { createFile, explainWrite, isExisting } from '../shared/files.js';

const EXAMPLES = `
Examples:
  token-broker keys generate --out /etc/token-broker/key-ring.json
  token-broker keys generate --out /etc/token-broker/key-ring.json --add

Without --add, an existing file is never touched. With --add, a new sealing key
is put in front of the others: it seals from then on, and the older keys still
open what they sealed. Keys are written to the file and never shown.`;

const AFTER_NEW = `Next:
  1. Set KEY_RING_FILE to this path.
  2. Keep a copy in a safe place, apart from copies of the database. Without it,
     no stored token can be opened.`;

const AFTER_ADD = `Next:
  1. Give this file to every replica of the broker. Each reads it within 5
     seconds; no restart is needed, except where the file is mounted into a
     container by itself.
  2. Run \`token-broker keys reseal\`. It says when the older keys may be removed.`;

interface Options {
  readonly out: string;
  readonly add?: boolean;
}

export function keysGenerate(): Command {
  return new Command('generate')
    .description('Create a key ring, or add a key to one')
    .requiredOption('--out <file>', 'the key ring, a JSON Web Key Set; created with mode 0600')
    .option('--add', 'add a new sealing key in front of those in the file')
    .addHelpText('after', EXAMPLES)
    .action(printResult(generate));
}

async function generate({ out, add = false }: Options): Promise<CommandResult> {
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
        : `Created the key ring ${path} with the key ${sealingKeyId}.`,
      ...(older.length > 0 ? [`Older keys in it: ${older.join(', ')}.`] : []),
      add ? AFTER_ADD : AFTER_NEW,
    ].join('\n'),
    json: { file: path, sealing_key_id: sealingKeyId, older_key_ids: older, added: add },
  };
}

function faulty(path: string, fault: string): Failure {
  return new Failure(EXIT.faultyConfiguration, 'key_ring_faulty', `${path} ${fault}. Nothing was changed.`);
}

/** @throws {Failure} when the file exists: overwriting a key ring loses every token that it sealed */
function writeNew(path: string, content: string): void {
  try {
    createFile(path, 0o600, () => content);
  } catch (error) {
    if (!isExisting(error)) throw explainWrite(error, path);
    throw new Failure(
      EXIT.refused,
      'key_ring_exists',
      `${path} exists already and was not touched: nothing else opens what its keys have sealed.\n` +
        'Use --add to put a new sealing key in front of them, or name another file.',
    );
  }
}

/**
 * Replaces a key ring with an extended one, whole or not at all. The temporary file is also a lock: of two commands that
 * add a key at the same time, one would otherwise overwrite the other's.
 * @param extend reads the key ring and makes the content of the new one
 */
function writeExtended(path: string, extend: () => string): void {
  const target = realPathOf(path);
  const { mode, uid, gid } = statSync(target);
  const temporary = `${target}.new`;
  try {
    // The same readers as before, such as the broker's own user, and no others.
    createFile(temporary, (mode & 0o640) | 0o600, extend);
  } catch (error) {
    if (!isExisting(error)) throw explainWrite(error, path);
    throw new Failure(
      EXIT.refused,
      'key_ring_busy',
      `${temporary} exists: another command is adding a key, or was interrupted. Nothing was changed.\n` +
        'If no other command runs, remove that file and try again.',
    );
  }
  try {
    const created = statSync(temporary);
    if (created.uid !== uid || created.gid !== gid) chownSync(temporary, uid, gid);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw explainWrite(error, path);
  }
}

function realPathOf(path: string): string {
  try {
    // Through symbolic links: Kubernetes and others put them in front of secrets.
    return realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw explainWrite(error, path);
    throw new Failure(
      EXIT.notFound,
      'key_ring_not_found',
      `There is no key ring at ${path}. Leave out --add to make one.`,
    );
  }
}
