/**
 * The settings of a command that needs only some of them: the others may be missing or wrong. Owns which settings a request to Google
 * needs; not what a setting may be (config/environment.ts), nor the reading of all of them (open-broker.ts).
 */
import type { Environment, EnvironmentVariables, SettingName } from '../../config/environment.js';

/** Where one of these is wrong, a secret could go to the wrong server. */
export const TO_GOOGLE = ['GOOGLE_STAND_IN_URL', 'GOOGLE_TIMEOUT_MS', 'HTTPS_PROXY', 'HTTP_PROXY'] as const;

interface SomeSettings {
  /** A value is of its type where `faultsOf` has none of it. */
  readonly environment: Environment;
  readonly faultsOf: (...names: readonly SettingName[]) => string[];
}

/** @param options of the command, by the name of their setting, which take precedence where they are given */
export async function readSomeSettings(
  env: EnvironmentVariables,
  options: EnvironmentVariables = {},
): Promise<SomeSettings> {
  const { readEnvironment } = await import('../../config/environment.js');
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const { environment, faults } = readEnvironment({ ...env, ...Object.fromEntries(given) });
  return { environment, faultsOf: (...names) => names.flatMap((name) => faults.get(name) ?? []) };
}
