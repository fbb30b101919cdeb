/**
 * Refuses a Node.js below package.json's `engines`, before something fails for a reason that says less: an installed command
 * line runs on its caller's Node.js, and npm only warns. Imported first, for what it does.
 */
import { readLowestNode } from './version.js';

const lowest = readLowestNode();
if (lowest !== null && isBelow(process.versions.node, lowest)) {
  process.stderr.write(
    `The token broker needs Node.js ${lowest} or later. This is ${process.versions.node} (${process.execPath}).\n`,
  );
  // EX_CONFIG of sysexits.h.
  process.exit(78);
}

function isBelow(version: string, limit: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [limitMajor = 0, limitMinor = 0] = limit.split('.').map(Number);
  return major < limitMajor || (major === limitMajor && minor < limitMinor);
}
