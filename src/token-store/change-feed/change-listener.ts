import type pg from 'pg';
import type { AddressSource } from '../client/address-source.js';
import { DatabaseClient } from '../client/database-client.js';
import { type Pooler, prepareSession, SERVER_RUN_SQL } from '../client/session.js';

const CHANNEL = 'token_broker';
const CONNECT_TIMEOUT_MS = 3000;
/** `end` of a connection that is gone already does not always return. */
const CLOSE_TIMEOUT_MS = 200;

/** What all callers share. `settings`: issuers of JWTs, and those of clients. */
export type SharedKind = 'services' | 'webhooks' | 'settings';

/** A change by this process, another replica, a command, or an operator with SQL. */
export type Change =
  | { readonly kind: 'grant'; readonly userId: string; readonly client: string }
  | { readonly kind: SharedKind }
  /** A delegated credential. */
  | { readonly kind: 'credential'; readonly id: string }
  /** A connect ticket. */
  | { readonly kind: 'ticket'; readonly id: string }
  /** Anything may have changed, such as while notifications were not received. */
  | { readonly kind: 'everything' };

export type Notification = Change | { readonly kind: 'heartbeat'; readonly id: string };

interface Events {
  readonly notified: (notification: Notification, by: ChangeListener) => void;
  /** The connection ended. Not called after `close`. */
  readonly lost: (listener: ChangeListener, error?: Error) => void;
}

/** One connection that LISTENs for what triggers NOTIFY. Other queries on it must be short: notifications wait for their end. */
export class ChangeListener {
  readonly openedAt = performance.now();

  private constructor(
    private readonly client: pg.Client,
    /** The server that it listens at: see SERVER_RUN_SQL. */
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
    try {
      await client.connect();
      await prepareSession(client, pooler);
      // In one message: a pooler could send each to another server.
      const results = (await client.query(
        `LISTEN ${CHANNEL}; SELECT ${SERVER_RUN_SQL} AS server`,
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

  /** @throws what the database throws */
  async query<Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<Row[]> {
    return (await this.client.query<Row>(text, values)).rows;
  }

  close(): Promise<void> {
    return close(this.client);
  }
}

async function close(client: pg.Client): Promise<void> {
  client.removeAllListeners().on('error', () => undefined);
  const timedOut = new Promise((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS).unref());
  await Promise.race([client.end(), timedOut]).catch(() => undefined);
}

/** Any session may NOTIFY. A payload that cannot be read, such as one of another version, may mean anything. */
function readPayload(payload: string): Notification {
  try {
    const notification = JSON.parse(payload) as Notification | null;
    switch (notification?.kind) {
      case 'heartbeat':
      case 'services':
      case 'webhooks':
      case 'settings':
        return notification;
      case 'grant':
        if (typeof notification.userId === 'string' && typeof notification.client === 'string')
          return notification;
        break;
      case 'credential':
      case 'ticket':
        if (typeof notification.id === 'string') return notification;
    }
  } catch {
    // Not JSON: see below.
  }
  return { kind: 'everything' };
}
