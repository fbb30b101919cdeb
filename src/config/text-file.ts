import { readFileSync } from 'node:fs';

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
