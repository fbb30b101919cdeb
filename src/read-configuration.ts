import { loadSettings } from './config/load-settings.js';
import type { Settings } from './config/settings.js';
import { keyRingFaults } from './sealing/key-ring.js';
import { databaseUrlFaults } from './token-store/client/database-address.js';

/**
 * The configuration with the checks of every room that owns a part of it.
 * @throws {ConfigurationError} with all faults at once
 */
export function readConfiguration(env: Readonly<Record<string, string | undefined>>): Settings {
  return loadSettings(env, [
    ({ KEY_RING_FILE }) =>
      KEY_RING_FILE ? keyRingFaults(KEY_RING_FILE).map((fault) => `KEY_RING_FILE ${fault}`) : [],
    (environment) =>
      (['DATABASE_URL', 'DATABASE_DIRECT_URL'] as const).flatMap((name) => {
        const url = environment[name];
        // Its form at all is checked with all other settings.
        return url && /^postgres(ql)?:\/\/\S+$/.test(url) ? databaseUrlFaults(name, url) : [];
      }),
  ]);
}
