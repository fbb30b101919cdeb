/** googleauth for Ruby: a current one by external_account and sidecar; Debian's of 2020 by code, as it reads neither. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { testLibrary } from './cases.js';

const { RUBYLIB } = process.env;
const found = spawnSync(
  'ruby',
  ['-e', 'require "googleauth"; require "googleauth/version"; puts Google::Auth::VERSION'],
  {
    encoding: 'utf8',
  },
);
if (found.status !== 0) testLibrary({ missing: 'Ruby or its googleauth is not here: it was not tried.' });
else {
  const version = found.stdout.trim();
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isCurrent = major > 1 || (major === 1 && minor >= 10);
  testLibrary({
    name: `googleauth ${version} for Ruby`,
    ways: isCurrent ? ['external_account', 'sidecar'] : ['authorized_user'],
    program: () => ({
      command: ['ruby', resolve('test/libraries/programs/program.rb')],
      env: RUBYLIB === undefined ? {} : { RUBYLIB },
      takesLines: true,
    }),
    // It shows no more than a status where it exchanges a token or asks a metadata server.
    showsRefusals: isCurrent ? 'status' : 'all',
    asksForScopes: isCurrent ? ['external_account', 'sidecar'] : [],
    repeats: false,
  });
}
