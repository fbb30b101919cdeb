import { resolve } from 'node:path';
import { decodeText, readTextFile } from '../../config/text-file.js';
import { Secret } from '../../domain/secret.js';
import { EXIT, Failure } from './failure.js';

/**
 * A secret out of a file, or out of standard input where the path is `-`. Never out of an argument: those can be seen by
 * everybody on the machine, and stay in the shell's history.
 * @param what its name in a refusal
 * @throws {Failure}
 */
export async function readSecret(path: string, what: string): Promise<Secret> {
  const text = path === '-' ? await readInput() : readText(path, what);
  // The line break that editors and `echo` put at the end; a space may belong to the secret.
  const value = text.replace(/\r?\n$/, '');
  if (value !== '') return new Secret(value);
  throw new Failure(
    EXIT.wrongUsage,
    'secret_missing',
    `The ${what} is missing: ${path === '-' ? 'nothing came on standard input' : `${resolve(path)} is empty`}.`,
  );
}

function readText(path: string, what: string): string {
  try {
    return readTextFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw new Failure(
      EXIT.fileMissing,
      'secret_file_missing',
      `The ${what} cannot be read from ${resolve(path)} (${code}). Name a file that holds it and nothing else, or -.`,
    );
  }
}

async function readInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return decodeText(Buffer.concat(chunks));
}
