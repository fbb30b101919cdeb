/**
 * Passes the settings of the running trial mode to the command line, so that `npm run token-broker -- service list`
 * works without configuration. Configured settings stay; with a configured database, nothing is passed.
 */
import { loadEnvFile } from '../../src/config/configuration-files.js';
import { dataFolderPath } from './data-folder.js';
import { findRunning } from './running.js';

try {
  loadEnvFile();
} catch {
  // The command line reads it again, and reports the fault.
}

const { env } = process;
if (!env['DATABASE_URL'] && !env['DATABASE_URL_FILE']) {
  const running = await findRunning(dataFolderPath(env));
  if (running) {
    for (const [name, value] of Object.entries(running.settings)) env[name] ||= value;
    process.stderr.write('Using the trial mode that runs here, not your own settings.\n');
  } else if (!env['GOOGLE_CLIENT_SECRETS'] && !env['KEY_RING_FILE'] && needsSettings(process.argv.slice(2))) {
    process.stderr.write(
      'Nothing is configured, and the trial mode does not run. Start it with `npm start` in another terminal, ' +
        'or set DATABASE_URL and the other settings.\n',
    );
    process.exit(78); // EX_CONFIG of sysexits.h, as of every faulty configuration
  }
}

function needsSettings(args: readonly string[]): boolean {
  const words = args.filter((arg) => !arg.startsWith('-'));
  const asksForHelp = args.some((arg) => ['-h', '--help', '-V', '--version'].includes(arg));
  return !asksForHelp && words.length > 0 && !needsNone(words, args);
}

/** Commands that need no settings. */
function needsNone(words: readonly string[], args: readonly string[]): boolean {
  if (words[0] === 'generate-user-credentials') return !args.includes('--store');
  return (
    ['help', 'client-config'].includes(words[0] ?? '') || words.slice(0, 2).join(' ') === 'keys generate'
  );
}
