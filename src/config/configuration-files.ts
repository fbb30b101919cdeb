/**
 * The files that a configuration is written in: `.env`, and those that settings name; and the error of one that is faulty. Owns how
 * text is read, also as Windows writes it. Does not own what settings mean (read-configuration.ts): a command reads files without it.
 */
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';

/** All faults of the configuration. They name settings and files, never values. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';

  constructor(readonly faults: readonly string[]) {
    const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`;
    super([`The configuration has ${count}:`, ...faults.map((fault) => `  - ${fault}`)].join('\n'));
  }
}

/**
 * Reads settings from .env in the working directory. A variable of the environment takes precedence.
 * @throws {ConfigurationError} when the file exists and cannot be read
 */
export function loadEnvFile(): void {
  try {
    // process.loadEnvFile() takes a byte order mark as part of the first name.
    for (const [name, value] of Object.entries(parseEnv(readTextFile('.env')))) process.env[name] ??= value;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    if (code !== 'ENOENT') throw new ConfigurationError([`.env cannot be read (${code})`]);
  }
}

/**
 * Reads a text file, also one written on Windows: UTF-8, or UTF-16 with a byte order mark (PowerShell's `>` writes it).
 * The mark is dropped, at the start of each line: `cat` puts files that have one together. Line ends are kept.
 * @throws {NodeJS.ErrnoException} as `readFileSync` does
 */
export function readTextFile(path: string): string {
  return decodeText(readFileSync(path));
}

/** The same for other sources, such as standard input. */
export function decodeText(bytes: Uint8Array): string {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? 'utf-16le'
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? 'utf-16be'
        : 'utf-8';
  // TextDecoder drops one byte order mark (WHATWG Encoding section 8.1); tools that add one do not look for another.
  return new TextDecoder(encoding).decode(bytes).replace(/^\ufeff+/gm, '');
}
