/** golang.org/x/oauth2/google: Debian's of 2022, by authorized_user and sidecar; one since 2023 by the other files too. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Way } from '../support/library-bed.js';
import { testLibrary } from './cases.js';

const PACKAGE = 'golang.org/x/oauth2/google';
/** Debian's packages are here; a GOPATH of the caller wins. */
const env = {
  ...process.env,
  GO111MODULE: 'off',
  GOPATH: process.env['GOPATH'] ?? '/usr/share/gocode',
  GOCACHE: resolve('node_modules/.cache/go'),
};
const binary = resolve('node_modules/.cache/go-program');

const go = (...args: string[]) => spawnSync('go', args, { encoding: 'utf8', env });

const { status, stdout: folder } = go('list', '-f', '{{.Dir}}', PACKAGE);
if (status !== 0) testLibrary({ missing: `Go or ${PACKAGE} is not here: it was not tried.` });
else {
  const built = go('build', '-o', binary, resolve('test/libraries/programs/program.go'));
  if (built.status !== 0) throw new Error(built.stderr);
  // It reports no version. Before it knew external_account_authorized_user, it refused to exchange at hosts but Google's.
  const isCurrent = readFileSync(join(folder.trim(), 'google.go'), 'utf8').includes(
    'external_account_authorized_user',
  );
  const files: Way[] = isCurrent ? ['external_account', 'external_account_authorized_user'] : [];
  testLibrary({
    name: `${isCurrent ? 'A current' : 'An old'} ${PACKAGE}`,
    ways: [...files, 'authorized_user', 'sidecar'],
    program: () => ({ command: [binary] }),
    showsRefusals: 'all',
    asksForScopes: ['external_account', 'sidecar'],
    repeats: false,
  });
}
