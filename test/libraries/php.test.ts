/** google/auth for PHP, which Debian does not have: PHP_AUTOLOAD names the autoload.php of one that Composer installed. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { testLibrary } from './cases.js';

const { PHP_AUTOLOAD = '' } = process.env;
const CHECK =
  "require getenv('PHP_AUTOLOAD'); exit(class_exists('Google\\\\Auth\\\\ApplicationDefaultCredentials') ? 0 : 1);";
if (PHP_AUTOLOAD === '' || spawnSync('php', ['-r', CHECK]).status !== 0)
  testLibrary({ missing: 'PHP, or google/auth by PHP_AUTOLOAD, is not here: it was not tried.' });
else
  testLibrary({
    name: 'google/auth for PHP',
    ways: ['external_account', 'external_account_authorized_user'],
    program: () => ({
      command: ['php', resolve('test/libraries/programs/program.php')],
      env: { PHP_AUTOLOAD },
    }),
    showsRefusals: 'beginning',
    asksForScopes: ['external_account'],
    repeats: false,
  });
