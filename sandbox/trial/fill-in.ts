import { generateKeyRing } from '../../src/sealing/key-ring.js';
import type { Part } from './banner.js';
import type { DataFolder } from './data-folder.js';
import { startDatabase } from './database.js';
import { assertFreePort, type PortSetting } from './ports.js';
import { startGoogle } from './stand-in-for-google.js';

type Env = Readonly<Record<string, string | undefined>>;

export interface FilledIn {
  /** The configured settings as they were, and the others filled in. */
  readonly environment: Env;
  readonly parts: readonly Part[];
  /** Resolves when the embedded database ended by itself. */
  readonly databaseEnded: Promise<void>;
}

/**
 * Fills in each setting that is not configured, and starts the service that it names.
 * @param running stops what is started here
 */
export async function fillIn(
  env: Env,
  ports: Readonly<Record<PortSetting, number>>,
  folder: DataFolder,
  sampleAppUrl: string,
  running: AsyncDisposableStack,
): Promise<FilledIn> {
  const publicUrl = env['PUBLIC_URL'] || `http://localhost:${ports.PORT}`;
  const origins = [env['RETURN_TO_ORIGINS'], sampleAppUrl].filter(Boolean).join(',');
  const google = await fillInGoogle(env, ports.STAND_IN_PORT, folder, publicUrl, running);
  const keyRing = fillInKeyRing(env, folder);
  const database = await fillInDatabase(env, folder, running);
  const console = fillInConsole(env, publicUrl, 'GOOGLE_STAND_IN_URL' in google.settings);
  const filled = [...(console ? [console] : []), google, keyRing, database];
  return {
    environment: Object.assign(
      { ...env },
      { PORT: String(ports.PORT), PUBLIC_URL: publicUrl, RETURN_TO_ORIGINS: origins },
      { LOG_LEVEL: env['LOG_LEVEL'] || 'warn', LOG_FORMAT: env['LOG_FORMAT'] || 'pretty' },
      ...filled.map(({ settings }) => settings),
    ) as Env,
    parts: [
      { name: 'Broker', place: publicUrl, note: env['PUBLIC_URL'] ? 'as in PUBLIC_URL' : 'its API: /docs' },
      { name: 'Sample app', place: sampleAppUrl, note: `its service key: ${folder.shown}/sample-app.key` },
      ...filled.map(({ part }) => part),
    ],
    databaseEnded: database.ended,
  };
}

interface Filled {
  readonly settings: Readonly<Record<string, string>>;
  readonly part: Part;
}

async function fillInGoogle(
  env: Env,
  port: number,
  folder: DataFolder,
  publicUrl: string,
  running: AsyncDisposableStack,
): Promise<Filled> {
  if (env['GOOGLE_CLIENT_SECRETS'] || env['GOOGLE_STAND_IN_URL']) {
    const place = env['GOOGLE_STAND_IN_URL'] || 'the real one';
    return { settings: {}, part: { name: 'Google', place, note: 'as in GOOGLE_CLIENT_SECRETS' } };
  }
  await assertFreePort('STAND_IN_PORT', port);
  const { google, clientSecretsFile } = await startGoogle(folder, port, publicUrl);
  running.defer(() => google.close());
  return {
    settings: { GOOGLE_CLIENT_SECRETS: clientSecretsFile, GOOGLE_STAND_IN_URL: google.url },
    part: {
      name: 'Google',
      place: google.url,
      note: 'filled in by a stand-in; set GOOGLE_CLIENT_SECRETS for the real one',
    },
  };
}

/** With the accounts of the stand-in: one of each role. Whom to let in with the real Google, only its operator knows. */
function fillInConsole(env: Env, publicUrl: string, isStandIn: boolean): Filled | null {
  const place = `${env['ADMIN_URL'] || publicUrl}/console`;
  const configured = ['CONSOLE_OPERATORS', 'CONSOLE_VIEWERS'].find((name) => env[name]);
  if (configured !== undefined) {
    return { settings: {}, part: { name: 'Console', place, note: `as in ${configured}` } };
  }
  if (!isStandIn) return null;
  return {
    settings: { CONSOLE_OPERATORS: 'alice@example.com', CONSOLE_VIEWERS: 'bob.baker@example.net' },
    part: { name: 'Console', place, note: 'sign in as Alice (operator) or Bob (viewer)' },
  };
}

function fillInKeyRing(env: Env, folder: DataFolder): Filled {
  if (env['KEY_RING_FILE']) {
    return {
      settings: {},
      part: { name: 'Key ring', place: env['KEY_RING_FILE'], note: 'as in KEY_RING_FILE' },
    };
  }
  folder.keep('key-ring.json', () => generateKeyRing(new Date()));
  return {
    settings: { KEY_RING_FILE: folder.file('key-ring.json') },
    part: {
      name: 'Key ring',
      place: `${folder.shown}/key-ring.json`,
      note: 'filled in; set KEY_RING_FILE for your own',
    },
  };
}

async function fillInDatabase(env: Env, folder: DataFolder, running: AsyncDisposableStack) {
  const configured = ['DATABASE_URL', 'DATABASE_URL_FILE'].find((name) => env[name]);
  if (configured !== undefined) {
    const part: Part = { name: 'Database', place: 'PostgreSQL', note: `as in ${configured}` };
    return { settings: {}, part, ended: new Promise<void>(() => undefined) };
  }
  const { url, ended } = await startDatabase(folder, running);
  return {
    settings: { DATABASE_URL: url },
    part: {
      name: 'Database',
      place: 'PostgreSQL, embedded',
      note: 'filled in; set DATABASE_URL for your own',
    },
    ended,
  };
}
