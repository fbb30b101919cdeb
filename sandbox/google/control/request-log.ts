/**
 * All requests, in order and in full, with their secrets, and every secret that was sent or received: tests count
 * requests here, and search for leaks elsewhere.
 */
import type { Endpoint } from '../endpoints.js';
import type { Incoming, Parameters } from '../incoming.js';
import type { EndpointResponse } from '../response.js';

export interface RecordedRequest {
  at: string;
  endpoint: Endpoint;
  method: string;
  /** Path and query as they were sent, to see what would appear in access logs. */
  url: string;
  grantType?: string;
  /** Query and form together. */
  parameters: Parameters;
  authorization?: string;
  loginCustomerId?: string;
  /** 0 while there is no response, and permanently when the connection was dropped. */
  status: number;
}

/** Limits the memory of a sandbox that runs long or under load; the oldest are dropped first. */
const longestLog = 100_000;

const secretParameters = [
  'code',
  'code_verifier',
  'client_secret',
  'refresh_token',
  'access_token',
  'assertion',
  'id_token',
  'token',
];

export class RequestLog {
  readonly requests: RecordedRequest[] = [];
  readonly #secrets = new Set<string>();

  record(at: Date, endpoint: Endpoint, incoming: Incoming): RecordedRequest {
    const parameters = { ...incoming.query, ...incoming.form };
    const grantType = parameters['grant_type'];
    const recorded: RecordedRequest = {
      at: at.toISOString(),
      endpoint,
      method: incoming.method,
      url: incoming.url,
      ...(typeof grantType === 'string' && { grantType }),
      parameters,
      ...(incoming.authorization !== undefined && { authorization: incoming.authorization }),
      ...(incoming.loginCustomerId !== undefined && { loginCustomerId: incoming.loginCustomerId }),
      status: 0,
    };
    this.requests.push(recorded);
    if (this.requests.length > longestLog) this.requests.shift();
    return recorded;
  }

  noteSecretsOf(incoming: Incoming): void {
    this.#note({ ...incoming.query, ...incoming.form });
    const [scheme, credentials] = (incoming.authorization ?? '').split(/ +/);
    if (credentials !== undefined) this.#secrets.add(credentials);
    if (scheme === 'Basic' && credentials !== undefined) {
      const secret = Buffer.from(credentials, 'base64').toString().split(':').slice(1).join(':');
      if (secret) this.#secrets.add(secret);
    }
  }

  noteSecretsIn(answer: EndpointResponse): void {
    const { location, 'content-type': type } = answer.headers;
    if (location !== undefined) this.#note(Object.fromEntries(new URL(location).searchParams));
    else if (type?.startsWith('application/json')) this.#note(JSON.parse(answer.body) as Parameters);
  }

  secrets(): string[] {
    return [...this.#secrets];
  }

  count(endpoint: Endpoint, grantType?: string): number {
    return this.requests.filter(
      (request) =>
        request.endpoint === endpoint && (grantType === undefined || request.grantType === grantType),
    ).length;
  }

  clearRequests(): void {
    this.requests.length = 0;
  }

  clear(): void {
    this.clearRequests();
    this.#secrets.clear();
  }

  #note(parameters: Parameters): void {
    for (const name of secretParameters) {
      for (const value of [parameters[name]].flat()) {
        if (typeof value === 'string' && value !== '') this.#secrets.add(value);
      }
    }
  }
}
