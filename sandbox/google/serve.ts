/**
 * One request to one of Google's endpoints: recorded, delayed, failed where a test injects a fault, handled by the
 * endpoint, and a refusal rendered in Google's format.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './control/disturbances.js';
import type { Endpoint } from './endpoints.js';
import type { Google } from './google.js';
import type { Incoming } from './incoming.js';
import { errorPage } from './pages/error-page.js';
import { refusalNamed } from './refusals.js';
import { Refusal, type Refused } from './refused.js';
import { type EndpointResponse, html, json, redirect } from './response.js';

export interface Route {
  method: 'GET' | 'POST';
  path: string;
  /** The forms behind the consent page, and discovery, have none: they are neither counted nor get faults. */
  endpoint?: Endpoint;
  answer(google: Google, incoming: Incoming): EndpointResponse | Promise<EndpointResponse>;
}

/** Undefined: close the connection without a response. */
export async function serve(
  google: Google,
  route: Route,
  incoming: Incoming,
): Promise<EndpointResponse | undefined> {
  const { disturbances, requestLog } = google;
  requestLog.noteSecretsOf(incoming);
  if (!route.endpoint) return answerOrRefuse(google, route, incoming);

  const recorded = requestLog.record(new Date(google.now()), route.endpoint, incoming);
  const fault = disturbances.takeFault(route.endpoint);
  const delayMs = disturbances.latencyOf(route.endpoint) + (fault && 'delayMs' in fault ? fault.delayMs : 0);
  if (delayMs > 0) await sleep(delayMs, undefined, { ref: false });
  if (fault && 'until' in fault) await fault.until;
  if (fault && 'drop' in fault && !fault.afterProcessing) return undefined;

  const answer =
    (fault && injected(route.endpoint, fault, incoming)) ?? (await answerOrRefuse(google, route, incoming));
  if (fault && 'drop' in fault) return undefined;
  recorded.status = answer.status;
  return answer;
}

async function answerOrRefuse(google: Google, route: Route, incoming: Incoming): Promise<EndpointResponse> {
  const answer = await answerOf(google, route, incoming);
  google.requestLog.noteSecretsIn(answer);
  return answer;
}

async function answerOf(google: Google, route: Route, incoming: Incoming): Promise<EndpointResponse> {
  try {
    return await route.answer(google, incoming);
  } catch (error) {
    if (error instanceof Refusal) return inGooglesWords(error.refused, incoming);
    throw error;
  }
}

function injected(endpoint: Endpoint, fault: Fault, incoming: Incoming): EndpointResponse | undefined {
  if ('named' in fault) return inGooglesWords(refusalNamed(endpoint, fault.named), incoming);
  if (!('status' in fault)) return undefined;
  const { status, body, headers } = fault;
  return typeof body === 'string' ? html(status, body, headers) : json(status, body, headers);
}

function inGooglesWords(refused: Refused, { query }: Incoming): EndpointResponse {
  switch (refused.form) {
    case 'json':
      return json(refused.status, refused.body, refused.headers);
    case 'html':
      return html(refused.status, refused.body);
    case 'redirect': {
      const { error, error_subtype } = refused;
      return redirect(String(query['redirect_uri']), {
        error,
        error_subtype,
        state: query['state']?.toString(),
      });
    }
    case 'page': {
      const details = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
      return html(refused.status, errorPage({ ...refused, details }));
    }
  }
}
