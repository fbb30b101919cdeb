import { GoogleFailure } from '../../domain/google/google-failure.js';
import { type OutboundRequest, type OutboundResponse, send } from '../../outbound/http-client.js';
import { endpointsFor } from '../endpoints.js';
import { classifyLostRequest } from '../oauth/classify-failure.js';
import { selfSignedToken, type ServiceAccountKey } from '../service-account-key.js';

const AUDIENCE = 'https://risc.googleapis.com/google.identity.risc.v1beta.RiscManagementService';
/** The configuration of one stream. */
const MAX_BYTES = 256 * 1024;
const PUSH = 'https://schemas.openid.net/secevent/risc/delivery-method/push';

/** How a project's stream of security events is set up. */
export interface StreamConfiguration {
  readonly url: string | null;
  readonly eventsRequested: readonly string[];
}

/**
 * The stream of security events of one Google Cloud project, through Google's RISC API.
 * https://developers.google.com/identity/protocols/risc#register_receiver
 * Its requests throw `GoogleFailure`: `client_rejected` with Google's own words, or `unavailable`.
 */
export class RiscStream {
  readonly #api: string;
  readonly #timeoutMs: number;

  constructor(
    private readonly key: ServiceAccountKey,
    { standInUrl, timeoutMs }: { readonly standInUrl: string | null; readonly timeoutMs: number },
  ) {
    this.#api = endpointsFor(standInUrl).riscApi;
    this.#timeoutMs = timeoutMs;
  }

  async configure(url: string, eventsRequested: readonly string[]): Promise<void> {
    await this.#send('POST', 'stream:update', {
      delivery: { delivery_method: PUSH, url },
      events_requested: eventsRequested,
    });
  }

  async configuration(): Promise<StreamConfiguration> {
    const { delivery, events_requested: events } = await this.#send('GET', 'stream');
    const url = (delivery as { url?: unknown } | undefined)?.url;
    return {
      url: typeof url === 'string' ? url : null,
      eventsRequested: Array.isArray(events) ? events.filter((each) => typeof each === 'string') : [],
    };
  }

  async status(): Promise<string> {
    const { status } = await this.#send('GET', 'stream/status');
    return typeof status === 'string' ? status : 'unknown';
  }

  async setStatus(status: 'enabled' | 'disabled'): Promise<void> {
    await this.#send('POST', 'stream/status:update', { status });
  }

  /** Makes Google deliver a verification event with this state. */
  async verify(state: string): Promise<void> {
    await this.#send('POST', 'stream:verify', { state });
  }

  async #send(method: 'GET' | 'POST', path: string, body?: object): Promise<Record<string, unknown>> {
    const bearer = await selfSignedToken(this.key, AUDIENCE, new Date());
    const response = await this.#fetch(`${this.#api}/${path}`, {
      method,
      headers: { authorization: `Bearer ${bearer.reveal()}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      timeoutMs: this.#timeoutMs,
      maxBytes: MAX_BYTES,
      tracedPath: true,
    });
    const json = parse(response.body);
    if (response.status === 200) return json;
    const { message } = (json['error'] ?? {}) as { message?: unknown };
    const isFinal = response.status >= 400 && response.status < 500 && ![408, 429].includes(response.status);
    throw new GoogleFailure(
      isFinal ? 'client_rejected' : 'unavailable',
      `http_${response.status}`,
      typeof message === 'string' ? message.slice(0, 500) : '',
    );
  }

  async #fetch(url: string, request: OutboundRequest): Promise<OutboundResponse> {
    try {
      return await send(url, request);
    } catch (error) {
      // The error is dropped, not wrapped: it can hold the request.
      throw classifyLostRequest(error);
    }
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
