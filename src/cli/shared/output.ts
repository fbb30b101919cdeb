/*
 * What commands write to standard output. Owns what happens when a reader such as `head` closes the pipe: what a command does
 * continues, and its output is dropped. A command that only reads and writes stops reading once `hasReader` says no.
 */
import { once } from 'node:events';

const withoutReader = new Set<NodeJS.WriteStream>();

/** Without this, Node.js ends the process at the first write after the pipe was closed. */
export function goOnWithoutReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (!isClosedPipe(error)) throw error;
      withoutReader.add(stream);
      stream.write = () => true;
    });
  }
}

export function hasReader(): boolean {
  return !withoutReader.has(process.stdout);
}

/** Prints a line, and waits while the reader of a pipe is slower. */
export async function print(line: string): Promise<void> {
  await write(`${line}\n`);
}

export async function write(text: string): Promise<void> {
  if (process.stdout.write(text)) return;
  await once(process.stdout, 'drain').catch((error: unknown) => {
    if (!isClosedPipe(error)) throw error;
  });
}

function isClosedPipe(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EPIPE';
}
