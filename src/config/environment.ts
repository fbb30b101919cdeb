import { BROKER_SETTINGS } from './definitions/broker.js';
import { CONSOLE_SETTINGS } from './definitions/console.js';
import { DATABASE_SETTINGS } from './definitions/database.js';
import { GOOGLE_SETTINGS, PROXY_SETTINGS } from './definitions/google.js';
import { HTTP_SETTINGS, PROCESS_SETTINGS } from './definitions/http.js';
import { LOG_SETTINGS, TRACE_SETTINGS } from './definitions/telemetry.js';
import { proxyVariables } from './proxies.js';
import type { Setting } from './setting.js';
import { readTextFile } from './configuration-files.js';

/** Every setting, by the name of its environment variable. */
export const SETTINGS = {
  ...PROCESS_SETTINGS,
  ...LOG_SETTINGS,
  ...TRACE_SETTINGS,
  ...DATABASE_SETTINGS,
  ...BROKER_SETTINGS,
  ...GOOGLE_SETTINGS,
  ...PROXY_SETTINGS,
  ...HTTP_SETTINGS,
  ...CONSOLE_SETTINGS,
};

export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** The environment's values with defaults filled in, each of its type. */
export type Environment = {
  readonly [Name in SettingName]: (typeof SETTINGS)[Name] extends Setting<infer Raw, boolean> ? Raw : never;
};

export type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

/** What was read, and what is wrong with it. A setting with a fault may be of another type, or undefined. */
export interface ReadEnvironment {
  readonly environment: Environment;
  /** Of `NAME_FILE` variables. */
  readonly fileFaults: readonly string[];
  readonly faults: ReadonlyMap<SettingName, string>;
}

/** Reads and checks each setting. Empty means unset. */
export function readEnvironment(env: EnvironmentVariables): ReadEnvironment {
  const { values, faults: fileFaults } = withFiles(env);
  const faults = new Map<SettingName, string>();
  const environment: Record<string, unknown> = {};
  for (const name of SETTING_NAMES) {
    const setting: Setting<unknown, boolean> = SETTINGS[name];
    const given = values[name];
    environment[name] = given === undefined ? setting.default : setting.parse(given);
    const { neededWith } = setting;
    const isNeeded =
      neededWith === undefined ? setting.default === undefined : values[neededWith] !== undefined;
    if (given === undefined) {
      if (isNeeded) faults.set(name, `${name} is not set`);
    } else if (isNeeded || neededWith === undefined) {
      const fault = setting.faultOf(environment[name]);
      if (fault !== null) faults.set(name, `${name} ${fault}`);
    }
  }
  return { environment: environment as Environment, fileFaults, faults };
}

/** Also for commands that need no other setting. */
export function standInFaults({
  NODE_ENV,
  GOOGLE_STAND_IN_URL,
}: Pick<Partial<Environment>, 'NODE_ENV' | 'GOOGLE_STAND_IN_URL'>): string[] {
  return NODE_ENV === 'production' && GOOGLE_STAND_IN_URL
    ? ['GOOGLE_STAND_IN_URL is set: production talks to the real Google only']
    : [];
}

/** Replaces `NAME_FILE` by the content of that file, as container platforms provide secrets. */
function withFiles(env: EnvironmentVariables) {
  const values: Record<string, string | undefined> = {};
  const faults: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value === '') continue;
    const secret = SETTING_NAMES.find((each) => SETTINGS[each].mayBeFile && name === `${each}_FILE`);
    if (secret === undefined) {
      values[name] = value;
      continue;
    }
    if (env[secret]) faults.push(`${secret} and ${name} are both set: keep one`);
    try {
      values[secret] = readTextFile(value).trim();
    } catch {
      faults.push(`${name} names a file that cannot be read`);
    }
  }
  return { values: Object.assign(values, proxyVariables(env)), faults };
}
