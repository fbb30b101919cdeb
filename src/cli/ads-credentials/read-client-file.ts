import { resolve } from 'node:path';
import type { GoogleClient } from '../../domain/google/oauth.js';
import { EXIT, Failure } from '../shared/failure.js';
import { readText } from '../shared/files.js';

const DOWNLOAD =
  'Download the JSON of an OAuth client (Desktop app or Web application) from the Google console, under Clients';

/** The secret is shown once: what is downloaded later lacks it. */
const REPLACE =
  'Put back an intact copy; without one, add a new secret to the client in the Google console, under Clients, and download its JSON then.';

const OTHER_TYPES: Readonly<Record<string, string>> = {
  service_account: 'the key of a service account, which acts for itself, without consent',
  authorized_user: 'the credentials of a user who consented already, as gcloud stores them',
  external_account: 'a configuration of workload identity federation',
};

/**
 * Reads one client_secret JSON, for commands that need no broker.
 * @throws {Failure} with the next step; it names the file, never its content
 */
export async function readClientFile(given: string): Promise<GoogleClient> {
  const path = resolve(given);
  const wrong = wrongKind(parse(path));
  if (wrong !== null) {
    throw new Failure(EXIT.fileOfWrongKind, 'client_file_of_wrong_kind', `${path} is ${wrong}. ${DOWNLOAD}.`);
  }
  const { readGoogleClients, SECRET_SHOWN_ONCE } = await import('../../config/google-clients.js');
  const { clients, faults } = readGoogleClients([`file=${path}`]);
  const [client] = clients;
  if (client) return client;
  const fault = faults[0] ?? `${path} is broken`;
  const next = fault.endsWith(SECRET_SHOWN_ONCE) ? '' : ` ${REPLACE}`;
  throw new Failure(EXIT.fileBroken, 'client_file_broken', `${fault}.${next}`);
}

function parse(path: string): unknown {
  const text = readText(
    path,
    (code) =>
      new Failure(
        EXIT.fileMissing,
        'client_file_missing',
        `${path} cannot be read (${code}). Name the client's JSON with --client_secrets_path. ${DOWNLOAD}.`,
      ),
  );
  try {
    return JSON.parse(text);
  } catch {
    if (isApiKey(text.trim())) return text.trim();
    throw new Failure(EXIT.fileBroken, 'client_file_broken', `${path} is not JSON. ${REPLACE}`);
  }
}

/** @returns what the file is instead; null for an OAuth client */
function wrongKind(json: unknown): string | null {
  if (isApiKey(json)) return 'an API key, which identifies no user';
  if (typeof json !== 'object' || json === null) return 'not the JSON of an OAuth client';
  const { type, web, installed } = json as Record<string, unknown>;
  if (typeof web === 'object' || typeof installed === 'object') return null;
  const known = typeof type === 'string' ? OTHER_TYPES[type] : undefined;
  if (known !== undefined) return known;
  if (Object.values(json).some(isApiKey)) return 'an API key, which identifies no user';
  return 'not the JSON of an OAuth client: it has neither "web" nor "installed"';
}

function isApiKey(value: unknown): boolean {
  return typeof value === 'string' && /^AIza[\w-]{35}$/.test(value);
}
