import { parseEnv } from 'node:util';
import { ConfigurationError } from './configuration-error.js';
import { readTextFile } from './text-file.js';

/**
 * Settings may stand in a .env file of the working directory. What the environment says already wins.
 * @throws {ConfigurationError} when the file is there and cannot be read
 */
export function loadEnvFile(): void {
  try {
    // process.loadEnvFile() takes a byte order mark for a part of the first name.
    for (const [name, value] of Object.entries(parseEnv(readTextFile('.env')))) process.env[name] ??= value;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    if (code !== 'ENOENT') throw new ConfigurationError([`.env cannot be read (${code})`]);
  }
}
