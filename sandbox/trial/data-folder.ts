import {
  accessSync,
  chmodSync,
  constants,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemCode, TrialFault } from './fault.js';

/** As seen from dist/sandbox/trial/. */
const PROJECT = fileURLToPath(new URL('../../../', import.meta.url));

const ANOTHER = 'choose another folder: TRIAL_DATA_DIR=/path/to/folder npm start';

type Env = Readonly<Record<string, string | undefined>>;

/** Where the trial mode keeps all its data: TRIAL_DATA_DIR, or data/trial in the project. */
export function dataFolderPath(env: Env): string {
  return resolve(PROJECT, env['TRIAL_DATA_DIR'] || join('data', 'trial'));
}

/** The folder of the trial mode. Its files are for their owner alone. */
export class DataFolder {
  private constructor(private readonly path: string) {}

  /** @throws {TrialFault} when the folder cannot be used */
  static open(env: Env): DataFolder {
    const folder = new DataFolder(dataFolderPath(env));
    try {
      const isNew = mkdirSync(folder.path, { recursive: true }) !== undefined;
      const { uid } = statSync(folder.path);
      const me = process.getuid?.();
      if (me !== undefined && uid !== me) {
        const owner = uid === 0 ? 'root' : `the user with id ${uid}`;
        throw new TrialFault(`${folder.shown} belongs to ${owner}. Start as that user, or ${ANOTHER}`);
      }
      // As root, PostgreSQL runs as a user of its own who must pass through to its data.
      if (isNew) chmodSync(folder.path, me === 0 ? 0o711 : 0o700);
      accessSync(folder.path, constants.W_OK);
    } catch (error) {
      const code = systemCode(error);
      if (code === undefined) throw error;
      throw new TrialFault(
        `${folder.shown} cannot be written (${code}). Make it writable for you, or ${ANOTHER}`,
      );
    }
    return folder;
  }

  /** As the user would write it at the terminal. */
  get shown(): string {
    const short = relative('', this.path);
    return short.startsWith('..') ? this.path : short;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** The content of a file, which is created the first time. */
  keep(name: string, make: () => string): string {
    try {
      return readFileSync(this.file(name), 'utf8');
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      return this.write(name, make());
    }
  }

  /** Whole or not at all. */
  write(name: string, content: string): string {
    writeFileSync(this.file(`${name}.new`), content, { mode: 0o600 });
    renameSync(this.file(`${name}.new`), this.file(name));
    return content;
  }
}
