import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { keyRingFaults } from '../sealing/key-ring.js';
import { databaseUrlFaults } from '../token-store/client/database-address.js';
import { ConfigurationError } from './configuration-files.js';
import { readConsole } from './console.js';
import {
  type Environment,
  type EnvironmentVariables,
  readEnvironment,
  standInFaults,
} from './environment.js';
import { GoogleClients, readGoogleClients } from './google-clients.js';
import { callbackOf, listedUriFaults, ownCallbackFaults, redirectFaults } from './redirect-uri-faults.js';
import { readServiceIssuers } from './service-issuers.js';
import { type Settings, settingValuesOf } from './settings.js';
import { readTracing } from './tracing.js';

/**
 * Reads, validates and freezes the configuration: each setting by its definition, then the files it names and the rules
 * between settings.
 * @throws {ConfigurationError} with all faults, not only the first
 */
export function readConfiguration(env: EnvironmentVariables): Settings {
  const { environment, fileFaults, faults: malformed } = readEnvironment(env);
  const faults = [...fileFaults, ...malformed.values()];
  const isSet = !malformed.has('GOOGLE_CLIENT_SECRETS');
  const { clients, faults: clientFaults } = readGoogleClients(isSet ? environment.GOOGLE_CLIENT_SECRETS : []);
  if (isSet) faults.push(...clientFaults.map((fault) => `GOOGLE_CLIENT_SECRETS: ${fault}`));
  const { issuers, faults: issuerFaults } = readServiceIssuers(environment.SERVICE_ISSUERS_FILE);
  faults.push(...issuerFaults.map((fault) => `SERVICE_ISSUERS_FILE ${fault}`));
  const issuerFiles = issuers.flatMap(({ keys }) => (keys.from === 'file' ? [keys.path] : []));
  faults.push(...standInFaults(environment), ...productionFaults(environment, env, issuerFiles));
  if (!malformed.has('KEY_RING_FILE') && !malformed.has('KEY_RING_KMS_KEY')) {
    const { KEY_RING_FILE: path, KEY_RING_KMS_KEY: kmsKey } = environment;
    faults.push(...keyRingFaults(path, kmsKey).map((fault) => `KEY_RING_FILE ${fault}`));
  }
  for (const name of ['DATABASE_URL', 'DATABASE_DIRECT_URL'] as const) {
    const url = environment[name];
    if (url && !malformed.has(name)) faults.push(...databaseUrlFaults(name, url));
  }
  faults.push(...clients.flatMap(listedUriFaults));
  if (!malformed.has('PUBLIC_URL')) {
    faults.push(...ownCallbackFaults(environment.PUBLIC_URL));
    faults.push(...clients.flatMap((client) => redirectFaults(client, environment.PUBLIC_URL)));
  }
  const { console, faults: consoleFaults } = readConsole(environment, clients);
  if (!malformed.has('PUBLIC_URL') && isSet && clientFaults.length === 0) faults.push(...consoleFaults);
  const { tracing, faults: tracingFaults } = readTracing(environment, env);
  faults.push(...tracingFaults);
  if (faults.length > 0) throw new ConfigurationError(faults);
  return Object.freeze({
    ...settingValuesOf(environment),
    returnToOrigins: environment.RETURN_TO_ORIGINS.map((origin) => new URL(origin).origin),
    production: environment.NODE_ENV === 'production',
    redirectUri: callbackOf(environment.PUBLIC_URL),
    databaseUrlFile: env['DATABASE_URL_FILE'] || null,
    databaseDirectUrlFile: env['DATABASE_DIRECT_URL_FILE'] || null,
    refusalRateLimit: environment.BROWSER_RATE_LIMIT,
    clients: new GoogleClients(clients),
    serviceIssuers: issuers,
    console,
    tracing,
  });
}

/** The trial mode keeps its key ring and its client there, as it did when it was called `trying`; the README names `data/trial-google`. */
const TRIAL_DATA = /(^|[/\\])data[/\\](?:trial|trying)(-[^/\\]+)?([/\\]|$)/;

/**
 * What production must not start with. Names the setting, never its value.
 * @param issuerFiles with the keys of issuers
 */
function productionFaults(
  { NODE_ENV, KEY_RING_FILE, GOOGLE_CLIENT_SECRETS, SERVICE_ISSUERS_FILE }: Partial<Environment>,
  { NODE_TLS_REJECT_UNAUTHORIZED }: EnvironmentVariables,
  issuerFiles: readonly string[],
): string[] {
  if (NODE_ENV !== 'production') return [];
  const faults: string[] = [];
  if (NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    faults.push(
      'NODE_TLS_REJECT_UNAUTHORIZED is 0, so that no certificate is verified: name a private CA by NODE_EXTRA_CA_CERTS',
    );
  }
  if (KEY_RING_FILE && TRIAL_DATA.test(KEY_RING_FILE)) {
    faults.push(
      'KEY_RING_FILE is the key ring of the trial mode: make one with `token-broker keys generate`',
    );
  }
  if (KEY_RING_FILE)
    faults.push(...openFiles([KEY_RING_FILE], SECRET, WRITE).map((fault) => `KEY_RING_FILE: ${fault}`));
  if (GOOGLE_CLIENT_SECRETS?.some((entry) => TRIAL_DATA.test(entry))) {
    faults.push(
      'GOOGLE_CLIENT_SECRETS names the client of the trial mode: download one from the Google console',
    );
  }
  // `alias=path`, or the path alone.
  const clientFiles = (GOOGLE_CLIENT_SECRETS ?? []).map((entry) => entry.slice(entry.indexOf('=') + 1));
  faults.push(...openFiles(clientFiles, SECRET, SECRET).map((fault) => `GOOGLE_CLIENT_SECRETS: ${fault}`));
  // Not secret; but who can change one signs the JWTs of any service.
  const issuersFiles = SERVICE_ISSUERS_FILE ? [SERVICE_ISSUERS_FILE, ...issuerFiles] : [];
  faults.push(...openFiles(issuersFiles, WRITE, WRITE).map((fault) => `SERVICE_ISSUERS_FILE: ${fault}`));
  return faults;
}

/** Of every user, in the mode of a file. */
const READ = 0o004;
const WRITE = 0o002;
const SECRET = READ | WRITE;
/** In such a folder, files are replaced by their owners only. */
const STICKY = 0o1000;

/**
 * Files that every user can read or change, and their folders: who can change a folder can replace the file. Each with what
 * closes it.
 * @param ofFiles what no other user may do with a file
 * @param ofFolders what no other user may do with a folder
 */
function openFiles(paths: readonly string[], ofFiles: number, ofFolders: number): string[] {
  const found = paths.filter((path) => existsSync(path));
  const folders = [...new Set(found.map((path) => dirname(resolve(path))))].filter(isOwnFolder);
  return [
    ...found.flatMap((path) =>
      openTo(path, ofFiles).map(
        (act) => `${path} ${act}: chmod ${ofFiles === WRITE ? 'o-w' : '600'} ${path}`,
      ),
    ),
    ...folders.flatMap((folder) =>
      openTo(folder, ofFolders).map((act) => `the folder ${folder} ${act}: ${remedyOf(folder)}`),
    ),
  ];
}

/** A folder like `/` or `/etc` is shared by all users: closing it would break the machine. */
function remedyOf(folder: string): string {
  const isShared = dirname(dirname(folder)) === dirname(folder);
  return isShared ? 'move the file to a folder of its own, with mode 700' : `chmod 700 ${folder}`;
}

/** The folder of a mount (Kubernetes, Compose) is root's: the broker's user cannot close it, and the files count. */
function isOwnFolder(folder: string): boolean {
  return statSync(folder, { throwIfNoEntry: false })?.uid === process.getuid?.();
}

/** What every user of this machine can do with a file or a folder, in words: one, or none. */
function openTo(path: string, bits: number): string[] {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
  const open = mode & bits & ((mode & STICKY) === 0 ? ~0 : ~WRITE);
  if (process.platform === 'win32' || open === 0) return [];
  const acts = [...((open & READ) === 0 ? [] : ['read']), ...((open & WRITE) === 0 ? [] : ['changed'])];
  return [`can be ${acts.join(' and ')} by every user of this machine`];
}
