/**
 * A small web app that uses the token broker as an integrator does: over its HTTP API, with a service key. It offers
 * what Google's own OAuth sample offers (https://developers.google.com/identity/protocols/oauth2/web-server#example): test an
 * API request, test the auth flow directly, revoke current credentials, clear credentials. Stores nothing, not even its user:
 * a real app takes that from its session.
 */
import fastify, { type FastifyInstance } from 'fastify';
import { Broker } from './broker.js';
import { connect } from './connect.js';
import { disconnect } from './disconnect.js';
import { guard } from './guard.js';
import { showFailure } from './show-failure.js';
import { showHome } from './show-home.js';
import { STYLE } from './style.js';
import { tryApiRequest } from './try-api-request.js';

export interface SampleAppOptions {
  readonly port: number;
  /** Where browsers reach this app. */
  readonly url: string;
  readonly brokerUrl: string;
  readonly serviceKey: string;
  /** The stand-in for Google's APIs; null for the real ones. */
  readonly standInUrl: string | null;
}

export async function startSampleApp(options: SampleAppOptions): Promise<{ close(): Promise<void> }> {
  const { port, url, brokerUrl, serviceKey, standInUrl } = options;
  const app = fastify({ forceCloseConnections: true });
  const broker = new Broker(brokerUrl, serviceKey);
  readForms(app);
  guard(app, url, new URL(brokerUrl).origin);
  showFailure(app);
  app.get('/style.css', (_request, reply) => reply.type('text/css; charset=utf-8').send(STYLE));
  showHome(app, broker, { url, standInUrl });
  tryApiRequest(app, broker, { url, standInUrl });
  connect(app, broker, url);
  disconnect(app, broker);
  await app.listen({ port, host: '127.0.0.1' });
  return { close: () => app.close() };
}

function readForms(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => {
      done(null, new URLSearchParams(body.toString()));
    },
  );
}
