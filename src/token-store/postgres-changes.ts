import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import pg from 'pg';
import { Settings } from '../config/settings.js';
import { ChangeFeed, type Change } from '../domain/ports/change-feed.js';
import { directAddress, type AddressSource } from './database-address.js';
import { DatabaseClient } from './database-client.js';
import { Database } from './database.js';
import { prepareSession } from './session.js';

const CHANNEL = 'token_broker';
const BEAT_MS = 500;
/** So long after a beat was sent and heard, memory counts as true. */
const TRUST_MS = 1500;
/** Beats without an echo after which the connection is given up: a network that went away says nothing. */
const MOST_SILENT_BEATS = 3;
const RECONNECT_MS = 200;
const CONNECT_TIMEOUT_MS = 3000;

/**
 * LISTENs on a connection of its own for what triggers NOTIFY (migration leases_and_changes). Twice a second it sends
 * itself a beat through the same channel: only what comes back proves that changes come through, also behind a pooler
 * or a network that swallows them.
 */
@Injectable()
export class PostgresChanges extends ChangeFeed implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #log = new Logger(PostgresChanges.name);
  readonly #beats = new Map<string, { readonly sentAt: number; readonly heard: () => void }>();
  #client: pg.Client | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;
  #isLost = false;
  #trustedUntil = 0;

  readonly #source: AddressSource;

  constructor(
    private readonly settings: Settings,
    database: Database,
  ) {
    super();
    this.#source = directAddress(settings);
    database.nameStatementsWhile(() => this.isTrusted);
  }

  override get isTrusted(): boolean {
    return performance.now() < this.#trustedUntil;
  }

  override catchUp(): Promise<void> {
    return this.#client ? this.#beat(this.#client) : Promise.resolve();
  }

  /** Does not wait for a database that is away: the broker starts without it and says so at /health/ready. */
  async onApplicationBootstrap(): Promise<void> {
    await this.#connect();
  }

  async onApplicationShutdown(): Promise<void> {
    this.#isStopped = true;
    await this.#drop();
  }

  async #connect(): Promise<void> {
    const client = new DatabaseClient({
      source: this.#source,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      application_name: 'token-broker changes',
    });
    client.on('error', () => void this.#lose(client));
    client.on('end', () => void this.#lose(client));
    client.on('notification', ({ payload = '' }) => {
      this.#hear(payload);
    });
    this.#client = client;
    try {
      await client.connect();
      await prepareSession(
        client,
        this.settings.databaseDirectUrl ? 'session' : this.settings.databasePooler,
      );
      await client.query(`LISTEN ${CHANNEL}`);
      // What happened before nobody told us.
      this.tell({ kind: 'everything' });
      this.#timer = setInterval(() => {
        this.#keepBeating(client);
      }, BEAT_MS).unref();
      await this.#beat(client);
      if (this.#isLost && this.isTrusted) this.#log.log('listening to the database again');
      this.#isLost = !this.isTrusted;
    } catch {
      await this.#lose(client);
    }
  }

  #keepBeating(client: pg.Client): void {
    // Counted, not timed: after a stall of our own the echoes are in the socket still.
    if (this.#beats.size >= MOST_SILENT_BEATS) void this.#lose(client);
    else this.#beat(client).catch(() => this.#lose(client));
  }

  async #beat(client: pg.Client): Promise<void> {
    const id = randomUUID();
    const heard = new Promise<void>((resolve) => {
      this.#beats.set(id, { sentAt: performance.now(), heard: resolve });
    });
    await client.query('SELECT pg_notify($1, $2)', [CHANNEL, JSON.stringify({ kind: 'beat', id })]);
    await heard;
  }

  #hear(payload: string): void {
    const said = readPayload(payload);
    if (said.kind !== 'beat') {
      this.tell(said);
      return;
    }
    const beat = this.#beats.get(said.id);
    if (!beat) return;
    this.#beats.delete(said.id);
    // What was committed before the beat was sent has been heard by now.
    this.#trustedUntil = beat.sentAt + TRUST_MS + this.settings.memoryWithoutDatabaseMs;
    beat.heard();
  }

  async #lose(client: pg.Client): Promise<void> {
    if (client !== this.#client || this.#isStopped) return;
    if (!this.#isLost) this.#log.warn('the database tells of no changes; trying to listen again');
    this.#isLost = true;
    // What the connection took with it is unknown; only what the settings allow is left of the trust.
    if (this.settings.memoryWithoutDatabaseMs === 0) this.#trustedUntil = 0;
    await this.#drop();
    setTimeout(() => {
      if (!this.#isStopped) void this.#connect();
    }, RECONNECT_MS).unref();
  }

  async #drop(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    if (this.#timer) clearInterval(this.#timer);
    for (const { heard } of this.#beats.values()) heard();
    this.#beats.clear();
    // Without waiting: `end` of a connection that is gone already does not always return.
    client?.removeAllListeners().on('error', () => undefined);
    await Promise.race([client?.end(), new Promise((resolve) => setTimeout(resolve, 200).unref())]).catch(
      () => undefined,
    );
  }
}

type Said = Change | { readonly kind: 'beat'; readonly id: string };

/** Everybody may NOTIFY. What we cannot read, such as what another version says, may mean anything. */
function readPayload(payload: string): Said {
  try {
    const said = JSON.parse(payload) as Said | null;
    switch (said?.kind) {
      case 'beat':
      case 'services':
        return said;
      case 'grant':
        if (typeof said.userId === 'string' && typeof said.client === 'string') return said;
    }
  } catch {
    // Said below.
  }
  return { kind: 'everything' };
}
