import { parseEnv } from 'node:util';
import { ConfigurationError } from './configuration-error.js';
import { readTextFile } from './text-file.js';

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
