import { resolve } from 'node:path';
import { ADD_SECRET } from '../../domain/google/oauth-failures.js';
import type { GoogleClient } from '../../domain/google/oauth.js';
import { EXIT, Failure } from '../shared/failure.js';
import { readText } from '../shared/files.js';

const DOWNLOAD =
  'Download the JSON of an OAuth client (Desktop app or Web application) from the Google console, under Clients';

const REPLACE = `Put back an intact copy, or: ${ADD_SECRET}`;

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
  const { readGoogleClients } = await import('../../config/google-clients.js');
  const { clients, faults } = readGoogleClients([`file=${path}`]);
  const [client] = clients;
  if (client) return client;
  const fault = faults[0] ?? `${path} is broken`;
  const text = fault.endsWith(ADD_SECRET) ? fault : `${fault}. ${REPLACE}`;
  throw new Failure(EXIT.fileBroken, 'client_file_broken', text);
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
