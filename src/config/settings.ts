import type { ServiceIssuer } from '../domain/access/workload-identity.js';
import { Secret } from '../domain/secret.js';
import { type Environment, SETTING_NAMES, SETTINGS, type SettingName } from './environment.js';
import type { ConsoleSettings } from './console.js';
import type { GoogleClients } from './google-clients.js';
import type { TracingSettings } from './tracing.js';

type Camel<Name extends string> = Name extends `${infer First}_${infer Rest}`
  ? `${Lowercase<First>}${Capitalize<Camel<Rest>>}`
  : Lowercase<Name>;

/** `GOOGLE_QUEUE_SECONDS` is `googleQueueMs`: the name in camel case, and seconds in milliseconds. */
type PropertyOf<Name extends string> = Camel<Name extends `${infer Base}_SECONDS` ? `${Base}_MS` : Name>;

type ValueOf<Name extends SettingName> = (typeof SETTINGS)[Name]['isSecret'] extends true
  ? Secret | Exclude<Environment[Name], string>
  : Environment[Name];

/** Each setting, under the property that follows from its name. */
type SettingValues = { readonly [Name in SettingName as PropertyOf<Name>]: ValueOf<Name> };

/** A base class that only has the type; a class, so that Nest injects it. */
const SettingValuesClass = Object as unknown as new () => SettingValues;

/** The validated settings, frozen, with secrets wrapped; and what follows from them. */
export class Settings extends SettingValuesClass {
  /** NODE_ENV is production. */
  readonly production!: boolean;
  /** PUBLIC_URL + /callback: where Google redirects the browser. */
  readonly redirectUri!: string;
  /** The file of DATABASE_URL, read again for each connection; null: the environment has the URL. */
  readonly databaseUrlFile!: string | null;
  readonly databaseDirectUrlFile!: string | null;
  /** BROWSER_RATE_LIMIT too: how many requests of one address without a verified credential are refused before it has to wait. */
  readonly refusalRateLimit!: number;
  /** Read from GOOGLE_CLIENT_SECRETS. */
  readonly clients!: GoogleClients;
  /** Read from SERVICE_ISSUERS_FILE. */
  readonly serviceIssuers!: readonly ServiceIssuer[];
  /** Null: there is none. */
  readonly console!: ConsoleSettings | null;
  /** Null: no traces. */
  readonly tracing!: TracingSettings | null;
}

export function settingValuesOf(environment: Environment): SettingValues {
  return Object.fromEntries(
    SETTING_NAMES.map((name) => [propertyOf(name), valueOf(name, environment[name])]),
  ) as unknown as SettingValues;
}

function propertyOf(name: SettingName): string {
  return name
    .replace(/_SECONDS$/, '_MS')
    .toLowerCase()
    .replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function valueOf(name: SettingName, value: Environment[SettingName]): unknown {
  if (SETTINGS[name].isSecret && typeof value === 'string') return new Secret(value);
  return name.endsWith('_SECONDS') ? Number(value) * 1000 : value;
}
