import type { INestApplicationContext } from '@nestjs/common';
import type { Settings } from '../../../config/settings.js';
import type { ConnectOutcome } from '../../../domain/connect/connect-outcome.js';
import {
  type ConnectRequest,
  OPERATOR,
  plainConnectRequest,
} from '../../../domain/connect/connect-request.js';
import type { GoogleClient } from '../../../domain/google/oauth.js';
import { EXIT, Failure } from '../../shared/failure.js';
import { readSettings, withRooms } from '../../shared/open-broker.js';
import { awaitConnect } from './await-connect.js';
import { chooseAddress } from './loopback-address.js';

export interface StoreOrder {
  readonly userId: string;
  /** The alias or the id of the client; null: the only one, or the one called default. */
  readonly client: { readonly alias: string } | { readonly clientId: string } | null;
  readonly scopes: readonly string[];
  readonly loginHint: string | null;
  readonly port: number | null;
  readonly seconds: number;
}

export interface Stored {
  readonly client: GoogleClient;
  readonly outcome: ConnectOutcome;
  readonly notes: readonly string[];
}

/** Puts a user's consent into the broker; no refresh token is ever shown. */
export async function storeGrant(
  order: StoreOrder,
  { env, show }: { env: NodeJS.ProcessEnv; show: (url: string) => void },
): Promise<Stored> {
  const settings = await readSettings(env);
  const client = findClient(settings, order.client);
  const connectRequest = {
    ...plainConnectRequest({
      ...OPERATOR,
      userId: order.userId,
      client: client.alias,
      scopes: order.scopes,
    }),
    accountHint: order.loginHint,
  };
  return client.kind === 'web'
    ? run(settings, client, (broker) => awaitConnect(broker, connectRequest, order.seconds, show))
    : overLoopback(settings, client, connectRequest, order, show);
}

async function overLoopback(
  settings: Settings,
  client: GoogleClient,
  connectRequest: ConnectRequest,
  { port, seconds }: StoreOrder,
  show: (url: string) => void,
): Promise<Stored> {
  const [{ Loopback }, { storeConsent, withRedirectUri }] = await Promise.all([
    import('./loopback.js'),
    import('./store-consent.js'),
  ]);
  const loopback = await Loopback.open(chooseAddress(client, port));
  try {
    return await run(withRedirectUri(settings, loopback.redirectUri), client, (broker) =>
      storeConsent(broker, { connectRequest, loopback, seconds }, show),
    );
  } finally {
    loopback.close();
  }
}

async function run(
  settings: Settings,
  client: GoogleClient,
  connect: (broker: INestApplicationContext) => Promise<ConnectOutcome>,
): Promise<Stored> {
  const [{ ConsentModule }, { SlotNotes }] = await Promise.all([
    import('./consent.module.js'),
    import('../../shared/slot-notes.js'),
  ]);
  return withRooms(settings, [ConsentModule], async (broker) => ({
    outcome: await connect(broker),
    client,
    notes: broker.get(SlotNotes).notes,
  }));
}

function findClient({ clients }: Settings, named: StoreOrder['client']): GoogleClient {
  if (named === null) return clients.pick();
  const found =
    'alias' in named
      ? clients.get(named.alias)
      : clients.all().find(({ clientId }) => clientId === named.clientId);
  if (found) return found;
  throw new Failure(
    EXIT.notFound,
    'client_not_found',
    `The broker does not serve the client ${'alias' in named ? named.alias : named.clientId}. Add its JSON to ` +
      `GOOGLE_CLIENT_SECRETS, or use one of ${clients
        .all()
        .map(({ alias }) => alias)
        .join(', ')}.`,
  );
}
