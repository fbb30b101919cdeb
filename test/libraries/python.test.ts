/** google-auth for Python: a current one by files and sidecar, Debian's of 2018 by the sidecar, which is all that it can do. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { type Library, testLibrary } from './cases.js';

const VERSION = `
import google.auth.transport.requests
try:
    from google.auth.version import __version__ as version
except ImportError:
    from importlib.metadata import version as of
    version = of("google-auth")
print(version)`;
const { PYTHONPATH } = process.env;
const env = { PYTHONDONTWRITEBYTECODE: '1', ...(PYTHONPATH === undefined ? {} : { PYTHONPATH }) };

/** Of a virtual environment, and Debian's. */
const versions = new Map<string, string>();
for (const python of ['python3', '/usr/bin/python3']) {
  const { status, stdout } = spawnSync(python, ['-c', VERSION], { encoding: 'utf8' });
  if (status === 0 && ![...versions.values()].includes(stdout.trim())) versions.set(python, stdout.trim());
}
if (versions.size === 0)
  testLibrary({ missing: 'No Python here has google-auth and requests: they were not tried.' });

for (const [python, version] of versions) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isCurrent = major > 2 || (major === 2 && minor >= 20);
  const library: Library = {
    name: `google-auth ${version} for Python`,
    ways: isCurrent ? ['external_account', 'external_account_authorized_user', 'sidecar'] : ['sidecar'],
    program: () => ({
      command: [python, resolve('test/libraries/programs/program.py')],
      env,
      takesLines: true,
    }),
    showsRefusals: 'all',
    asksForScopes: isCurrent ? ['external_account', 'sidecar'] : [],
    repeats: true,
  };
  testLibrary(library);
}
