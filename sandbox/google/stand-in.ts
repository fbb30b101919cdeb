/**
 * A stand-in for Google: its consent page, OAuth endpoints and parts of its YouTube Analytics and Google Ads APIs,
 * faithful in what a token broker can observe. This file assembles and starts it; routes.ts lists the endpoints.
 * Never loaded in production, and not for real secrets: control.secrets() shows them all.
 */
import { parse } from 'node:querystring';
import fastify from 'fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { noAds } from './ads/hierarchy.js';
import type { AdsHierarchy } from './ads/hierarchy.js';
import { createControl } from './control/control.js';
import type { Control } from './control/control.js';
import { Disturbances } from './control/disturbances.js';
import { RequestLog } from './control/request-log.js';
import { serveControl } from './control/serve-control.js';
import type { Google, Settings, StandInAccount, StandInClient, StandInServiceAccount } from './google.js';
import type { Incoming, Parameters } from './incoming.js';
import { Ledger } from './ledger/ledger.js';
import { readStateFile, StateFile } from './ledger/state-file.js';
import { routes } from './routes.js';
import { serve } from './serve.js';
import { newSigningKey, type SigningKey, signingKeyOf } from './signing-key.js';

export type { Control } from './control/control.js';
export type { StandInClient } from './google.js';

export interface StandInOptions {
  port?: number;
  host?: string;
  clients: StandInClient[];
  accounts: StandInAccount[];
  slotLimit?: number;
  testingMode?: boolean;
  accessTokenSeconds?: number;
  serviceAccounts?: StandInServiceAccount[];
  /** Without it, no account has access to Google Ads. */
  ads?: AdsHierarchy;
  stateFile?: string;
  /** A new one where it is left out, which takes longer to make than the rest of a start. */
  signingKey?: SigningKey;
  now?: () => Date;
}

export interface StandIn {
  url: string;
  /** The file Google Cloud offers for download, with this stand-in's addresses in it. */
  clientSecretJson(clientId: string): object;
  control: Control;
  close(): Promise<void>;
}

export async function startStandIn(options: StandInOptions): Promise<StandIn> {
  const initialSettings = (): Settings => ({
    slotLimit: options.slotLimit ?? 100,
    testingMode: options.testingMode ?? false,
    rotatesRefreshTokens: false,
    accessTokenSeconds: options.accessTokenSeconds ?? 3599,
    clientStatus: new Map(),
    accountPolicy: new Map(),
    delegations: new Map(),
    ads: structuredClone(options.ads ?? noAds()),
    adsPageSize: 10_000,
    adsRolesForAdminsOnly: false,
  });
  const now = () => (options.now?.() ?? new Date()).getTime();
  const saved = options.stateFile === undefined ? undefined : readStateFile(options.stateFile);
  const signingKey = saved
    ? await signingKeyOf(saved.signingKey)
    : (options.signingKey ?? (await newSigningKey()));
  const ledger = new Ledger(now, () => stateFile?.writeSoon());
  if (saved) ledger.restore(saved);
  const stateFile =
    options.stateFile === undefined
      ? undefined
      : new StateFile(options.stateFile, () => ({
          version: 1,
          signingKey: signingKey.privateJwk,
          ...ledger.contents(),
        }));

  const google: Google = {
    url: '',
    clients: new Map(options.clients.map((client) => [client.clientId, client])),
    accounts: new Map(options.accounts.map((account) => [account.sub, account])),
    serviceAccounts: [...(options.serviceAccounts ?? [])],
    securityStreams: new Map(),
    settings: initialSettings(),
    ledger,
    signingKey,
    disturbances: new Disturbances(),
    requestLog: new RequestLog(),
    now,
  };
  const control = createControl(google, initialSettings);
  const app = serveOverHttp(google);
  serveControl(app, control);
  google.url = await app.listen({ port: options.port ?? 0, host: options.host ?? '127.0.0.1' });

  return {
    url: google.url,
    clientSecretJson: (clientId) => clientSecretJson(google, clientId),
    control,
    close: async () => {
      await app.close();
      stateFile?.flush();
    },
  };
}

function serveOverHttp(google: Google): FastifyInstance {
  // Faults leave connections open on purpose; closing does not wait for them.
  const app = fastify({ forceCloseConnections: true, bodyLimit: 1024 * 1024 });
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => {
      done(null, parse(body.toString()));
    },
  );
  for (const route of routes) {
    app.route({
      method: route.method,
      url: route.path,
      handler: async (request, reply) => {
        const answer = await serve(google, route, incomingOf(request));
        if (answer) return reply.code(answer.status).headers(answer.headers).send(answer.body);
        reply.hijack();
        request.raw.socket.destroy();
        return reply;
      },
    });
  }
  return app;
}

const incomingOf = (request: FastifyRequest): Incoming => ({
  method: request.method,
  url: request.url,
  query: request.query as Parameters,
  form: (request.body ?? {}) as Parameters,
  authorization: request.headers.authorization,
  cookie: request.headers.cookie,
  site: request.headers,
  loginCustomerId: request.headers['login-customer-id']?.toString(),
});

function clientSecretJson(google: Google, clientId: string): object {
  const client = google.clients.get(clientId);
  if (!client) throw new Error(`There is no client "${clientId}".`);
  return {
    [client.kind]: {
      client_id: client.clientId,
      project_id: client.projectId,
      auth_uri: `${google.url}/o/oauth2/auth`,
      token_uri: `${google.url}/token`,
      auth_provider_x509_cert_url: `${google.url}/oauth2/v1/certs`,
      client_secret: client.clientSecret,
      redirect_uris: client.redirectUris,
    },
  };
}
