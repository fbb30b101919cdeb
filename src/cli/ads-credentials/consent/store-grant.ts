import type { INestApplicationContext } from '@nestjs/common';
import type { Settings } from '../../../config/settings.js';
import type { ConnectOutcome } from '../../../domain/connect/connect-outcome.js';
import {
  type ConnectRequest,
  OPERATOR,
  plainConnectRequest,
} from '../../../domain/connect/connect-request.js';
import type { GoogleClient } from '../../../domain/google/oauth.js';
import type { CommandResult } from '../../shared/command-result.js';
import { EXIT, type ExitCode, Failure } from '../../shared/failure.js';
import { readSettings, withModules } from '../../shared/open-broker.js';
import { requiredByHint } from './account-hint.js';
import { consentRefused } from './authorization-response.js';
import { awaitConnect } from './await-connect.js';
import { chooseAddress } from './loopback-address.js';
import type { Pasting } from './pasted-address.js';

export interface StoreGrantOptions {
  readonly userId: string;
  /** The alias or the id of the client; null: the only one, or the one called default. */
  readonly client: { readonly alias: string } | { readonly clientId: string } | null;
  readonly scopes: readonly string[];
  readonly loginHint: string | null;
  readonly port: number | null;
  readonly seconds: number;
}

interface Stored {
  readonly client: GoogleClient;
  readonly outcome: ConnectOutcome;
  readonly notes: readonly string[];
}

interface StoreOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly show: (url: string) => void;
  readonly pasting: Pasting | null;
}

/** Stores a user's consent in the broker; no refresh token is shown. */
export async function storeGrant(
  request: StoreGrantOptions,
  { env, show, pasting }: StoreOptions,
): Promise<Stored> {
  const settings = await readSettings(env);
  const client = findClient(settings, request.client);
  const connectRequest = {
    ...plainConnectRequest({
      ...OPERATOR,
      userId: request.userId,
      client: client.alias,
      scopes: request.scopes,
    }),
    accountHint: request.loginHint,
    requireAccount: requiredByHint(request.loginHint),
  };
  return client.kind === 'web'
    ? run(settings, client, (broker) => awaitConnect(broker, connectRequest, request.seconds, show))
    : overLoopback(settings, client, connectRequest, request, { show, pasting });
}

async function overLoopback(
  settings: Settings,
  client: GoogleClient,
  connectRequest: ConnectRequest,
  { port, seconds }: StoreGrantOptions,
  { show, pasting }: Omit<StoreOptions, 'env'>,
): Promise<Stored> {
  const [{ Loopback }, { storeConsent, withRedirectUri }] = await Promise.all([
    import('./loopback.js'),
    import('./store-consent.js'),
  ]);
  const loopback = await Loopback.open(chooseAddress(client, port));
  try {
    return await run(withRedirectUri(settings, loopback.redirectUri), client, (broker) =>
      storeConsent(broker, { connectRequest, loopback, seconds }, { show, pasting }),
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
    import('../../shared/command-reporters.js'),
  ]);
  return withModules(settings, [ConsentModule], async (broker) => ({
    outcome: await connect(broker),
    client,
    notes: broker.get(SlotNotes).notes,
  }));
}

function findClient({ clients }: Settings, named: StoreGrantOptions['client']): GoogleClient {
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

/** By the code of a failed connect. */
const EXITS: Readonly<Record<string, ExitCode>> = {
  google_unavailable: EXIT.unavailable,
  wrong_account: EXIT.wrongAccount,
};

/** @throws {Failure} where nothing was stored */
export function resultOfStore(userId: string, { client, outcome, notes }: Stored): CommandResult {
  const { alias } = client;
  const json = { user_id: userId, client: alias };
  switch (outcome.kind) {
    case 'granted': {
      const { grantId, account, scopes, missing } = outcome;
      const isWhole = missing.length === 0;
      return {
        text: [
          `The broker may now use ${account.email ?? account.sub} for the user ${userId} (client ${alias}), grant ${grantId}.`,
          ...(isWhole ? [] : ['Careful: these scopes were not allowed:', ...missing]),
          ...notes,
          `No token was shown. Services get access tokens at GET /tokens/${userId}.`,
        ].join('\n'),
        json: {
          ...json,
          grant_id: grantId,
          account: { sub: account.sub, email: account.email },
          scope: scopes.join(' '),
          missing_scopes: missing,
          notes,
        },
        ...(isWhole ? {} : { exitCode: EXIT.consentInPart }),
      };
    }
    case 'held':
      return {
        text: `The broker holds all of this for the user ${userId} (client ${alias}) already. Nothing changed.`,
        json: { ...json, held: true },
      };
    case 'denied':
      throw consentRefused();
    case 'expired':
    case 'cancelled':
      throw new Failure(EXIT.timedOut, 'timed_out', 'The consent came too late. Run the command again.');
    case 'finishing':
      throw new Failure(
        EXIT.unavailable,
        'finishing',
        'Google returned tokens, and they are stored; the account cannot be verified yet. A running broker ' +
          `finishes this connect: see GET /users/${userId}/grants.`,
      );
    case 'pending':
    case 'failed': {
      const [code, detail] =
        outcome.kind === 'failed'
          ? [outcome.code, outcome.detail]
          : ['pending', 'The consent waits for an app to confirm it.'];
      const exitCode = EXITS[code] ?? EXIT.refused;
      throw new Failure(exitCode, code, `Nothing was stored (${code}). ${detail}`);
    }
  }
}
