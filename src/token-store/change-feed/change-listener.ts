import type pg from 'pg';
import type { AddressSource } from '../client/address-source.js';
import { DatabaseClient } from '../client/database-client.js';
import { type Pooler, prepareSession } from '../client/session.js';
import type { Change } from './change.js';

const CHANNEL = 'token_broker';
const CONNECT_TIMEOUT_MS = 3000;
/** `end` of a connection that is gone already does not always return. */
const CLOSE_TIMEOUT_MS = 200;

/** Which run of which server a session is at: no two have the same. */
export const SERVER = `extract(epoch FROM pg_postmaster_start_time())::text`;

export type Notification = Change | { readonly kind: 'heartbeat'; readonly id: string };

interface Events {
  readonly notified: (notification: Notification, by: ChangeListener) => void;
  /** It hears nothing any more. Not called for one that was closed. */
  readonly lost: (listener: ChangeListener, error?: Error) => void;
}

/** One connection that LISTENs for what triggers NOTIFY. Nothing else is ever asked on it. */
export class ChangeListener {
  readonly openedAt = performance.now();

  private constructor(
    private readonly client: pg.Client,
    /** Where it listens. */
    readonly server: string,
  ) {}

  /** @throws what connecting and LISTEN throw */
  static async open(
    source: AddressSource,
    pooler: Pooler,
    { notified, lost }: Events,
  ): Promise<ChangeListener> {
    const client = new DatabaseClient({
      source,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      application_name: 'token-broker changes',
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await prepareSession(client, pooler);
      // In one message: a pooler could give each another server.
      const results = (await client.query(
        `LISTEN ${CHANNEL}; SELECT ${SERVER} AS server`,
      )) as unknown as pg.QueryResult<{ server: string }>[];
      const listener = new ChangeListener(client, results[1]?.rows[0]?.server ?? '');
      client.on('error', (error) => {
        lost(listener, error);
      });
      client.on('end', () => {
        lost(listener);
      });
      client.on('notification', ({ payload = '' }) => {
        notified(readPayload(payload), listener);
      });
      return listener;
    } catch (error) {
      await close(client);
      throw error;
    }
  }

  close(): Promise<void> {
    return close(this.client);
  }
}

async function close(client: pg.Client): Promise<void> {
  client.removeAllListeners().on('error', () => undefined);
  const tooLong = new Promise((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS).unref());
  await Promise.race([client.end(), tooLong]).catch(() => undefined);
}

/** Any session may NOTIFY. What cannot be read, such as what another version says, may mean anything. */
function readPayload(payload: string): Notification {
  try {
    const notification = JSON.parse(payload) as Notification | null;
    switch (notification?.kind) {
      case 'heartbeat':
      case 'services':
        return notification;
      case 'grant':
        if (typeof notification.userId === 'string' && typeof notification.client === 'string')
          return notification;
    }
  } catch {
    // Answered below.
  }
  return { kind: 'everything' };
}
