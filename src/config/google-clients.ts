import { assertClient, type Service } from '../domain/access/policy.js';
import { invalidRequest } from '../domain/errors.js';
import { ADD_SECRET } from '../domain/google/oauth-failures.js';
import type { GoogleClient } from '../domain/google/oauth.js';
import { Secret } from '../domain/secret.js';
import { readTextFile } from './configuration-files.js';

const ALIAS = /^[a-z0-9][a-z0-9_-]{0,39}$/;

/** The configured OAuth clients, by alias. */
export class GoogleClients {
  readonly #byAlias: ReadonlyMap<string, GoogleClient>;

  constructor(clients: readonly GoogleClient[]) {
    this.#byAlias = new Map(clients.map((client) => [client.alias, client]));
  }

  get(alias: string): GoogleClient | undefined {
    return this.#byAlias.get(alias);
  }

  all(): GoogleClient[] {
    return [...this.#byAlias.values()];
  }

  /**
   * The named client; without a name the only one, or `default`.
   * @throws {BrokerError} `invalid_request`
   */
  pick(alias?: string): GoogleClient {
    if (alias !== undefined) {
      const named = this.#byAlias.get(alias);
      if (!named) throw invalidRequest({ client: 'is not the alias of a client that this broker serves.' });
      return named;
    }
    const implied = this.#byAlias.size === 1 ? this.all()[0] : this.#byAlias.get('default');
    if (!implied)
      throw invalidRequest({
        client: 'is needed here: the broker serves several and none is called default.',
      });
    return implied;
  }

  /**
   * The same for a service. A client outside its policy is refused in the same way whether it is configured or not.
   * @throws {BrokerError} `not_allowed` or `invalid_request`
   */
  pickFor(service: Service, alias?: string): GoogleClient {
    if (alias !== undefined) assertClient(service, alias);
    return this.pick(alias);
  }

  /** The aliases of the clients in one Google Cloud project: they share one grant at Google. */
  ofProject(projectId: string): string[] {
    return this.all()
      .filter((client) => client.projectId === projectId)
      .map((client) => client.alias);
  }
}

/**
 * Reads the client_secret JSON of each `alias=path` entry.
 * @returns the clients, and a fault for each unusable file, which names the file, never its content
 */
export function readGoogleClients(entries: readonly string[]): { clients: GoogleClient[]; faults: string[] } {
  const clients: GoogleClient[] = [];
  const faults: string[] = [];
  for (const entry of entries) {
    const at = entry.indexOf('=');
    const [alias, path] = at < 0 ? ['default', entry] : [entry.slice(0, at), entry.slice(at + 1)];
    const client = ALIAS.test(alias)
      ? readClient(alias, path)
      : `the alias of ${path} must be 1 to 40 lower-case letters, digits, - or _`;
    if (typeof client === 'string') faults.push(client);
    else if (clients.some((other) => other.alias === alias)) faults.push(`the alias ${alias} is used twice`);
    else clients.push(client);
  }
  if (entries.length === 0) faults.push('no client_secret JSON is named');
  return { clients, faults };
}

function readClient(alias: string, path: string): GoogleClient | string {
  let json: unknown;
  try {
    json = JSON.parse(readTextFile(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code ? `${path} cannot be read (${code})` : `${path} is not JSON`;
  }
  const file = isRecord(json) ? json : {};
  const kind = isRecord(file['web']) ? 'web' : isRecord(file['installed']) ? 'installed' : null;
  if (kind === null) {
    return file['type'] === 'service_account'
      ? `${path} is a service account key, not an OAuth client`
      : `${path} is not a client_secret JSON: it has neither "web" nor "installed"`;
  }
  const body = file[kind] as Record<string, unknown>;
  const missing = ['client_id', 'client_secret'].filter(
    (key) => typeof body[key] !== 'string' || body[key] === '',
  );
  if (missing.length > 0) {
    const advice = missing.includes('client_secret') && missing.length === 1 ? `: ${ADD_SECRET}` : '';
    return `${path} lacks ${missing.join(' and ')}${advice}`;
  }
  const uris = Array.isArray(body['redirect_uris']) ? body['redirect_uris'] : [];
  return {
    alias,
    clientId: body['client_id'] as string,
    clientSecret: new Secret(body['client_secret'] as string),
    // Some files have no project id; the client then counts as its own project.
    projectId: typeof body['project_id'] === 'string' ? body['project_id'] : (body['client_id'] as string),
    kind,
    redirectUris: uris.filter((uri): uri is string => typeof uri === 'string'),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
