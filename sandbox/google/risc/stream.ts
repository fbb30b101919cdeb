/**
 * The stream API of Cross-Account Protection, one stream per project, for service accounts with a self-signed JWT.
 * https://developers.google.com/identity/protocols/risc#register_receiver
 */
import type { Google, SecurityStream } from '../google.js';
import type { Incoming } from '../incoming.js';
import { refuseArgument, refuseCall } from '../refusals.js';
import { type EndpointResponse, json } from '../response.js';
import { authorizeServiceAccount } from './authorize-service-account.js';
import { deliver, verificationType } from './security-events.js';

const push = 'https://schemas.openid.net/secevent/risc/delivery-method/push';

export async function readStream(google: Google, incoming: Incoming): Promise<EndpointResponse> {
  const { url, eventsRequested } = existing(google, await authorizeServiceAccount(google, incoming));
  return json(200, {
    delivery: { delivery_method: push, url },
    events_requested: eventsRequested,
  });
}

export async function updateStream(google: Google, incoming: Incoming): Promise<EndpointResponse> {
  const projectId = await authorizeServiceAccount(google, incoming);
  const { delivery, events_requested: events } = incoming.form as Record<string, unknown>;
  const { delivery_method: method, url } = (delivery ?? {}) as Record<string, unknown>;
  if (method !== push) throw refuseArgument('Stream configuration must contain delivery_method field.');
  if (typeof url !== 'string') throw refuseArgument('Stream configuration must contain url field.');
  if (!Array.isArray(events))
    throw refuseArgument('Stream configuration must contain events_requested field.');
  // Google accepts https only; in trial mode brokers listen on this machine.
  if (!/^(https:|http:\/\/(localhost|127\.0\.0\.1)[:/])/.test(url)) throw refuseCall('risc_not_https');
  const { enabled } = google.securityStreams.get(projectId) ?? { enabled: true };
  google.securityStreams.set(projectId, { url, eventsRequested: events.map(String), enabled });
  return json(200, {});
}

export async function readStatus(google: Google, incoming: Incoming): Promise<EndpointResponse> {
  const { enabled } = existing(google, await authorizeServiceAccount(google, incoming));
  return json(200, { status: enabled ? 'enabled' : 'disabled' });
}

export async function updateStatus(google: Google, incoming: Incoming): Promise<EndpointResponse> {
  const stream = existing(google, await authorizeServiceAccount(google, incoming));
  const { status } = incoming.form;
  if (status !== 'enabled' && status !== 'disabled') throw refuseCall('risc_invalid_status');
  stream.enabled = status === 'enabled';
  return json(200, {});
}

export async function verifyStream(google: Google, incoming: Incoming): Promise<EndpointResponse> {
  const projectId = await authorizeServiceAccount(google, incoming);
  const { enabled, eventsRequested } = existing(google, projectId);
  const { state } = incoming.form;
  if (enabled && eventsRequested.includes(verificationType)) {
    await deliver(google, { type: verificationType, projectId, ...(typeof state === 'string' && { state }) });
  }
  return json(200, {});
}

function existing(google: Google, projectId: string): SecurityStream {
  const stream = google.securityStreams.get(projectId);
  if (!stream) throw refuseCall('risc_no_configuration');
  return stream;
}
