/**
 * A test bed for one test file: a broker over HTTP, a database of its own in a real PostgreSQL, and the stand-in
 * for Google, all on one clock that the test moves. Nothing is mocked.
 */
import 'reflect-metadata';
import pg from 'pg';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Writable } from 'node:stream';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { newSigningKey } from '../../sandbox/google/signing-key.js';
import { type StandIn, startStandIn } from '../../sandbox/google/stand-in.js';
import { freePort } from '../../sandbox/trial/postgres.js';
import { startBroker } from '../../src/bootstrap.js';
import type { Policy } from '../../src/domain/access/policy.js';
import { Clock } from '../../src/domain/ports/clock.js';
import { readConfiguration } from '../../src/config/read-configuration.js';
import { generateKeyRing } from '../../src/sealing/key-ring.js';
import { Secret } from '../../src/domain/secret.js';
import type { Webhook, WebhookSpec } from '../../src/domain/webhook/webhook.js';
import { ServiceRegistry } from '../../src/services/service-registry.js';
import { ChangeFeed } from '../../src/token-store/change-feed/change-feed.js';
import { generateWebhookSecret, WebhookRegistry } from '../../src/webhooks/webhook-registry.js';
import { Api } from './api.js';
import { copyTemplate, dropCopy, isCluster, runSql } from './cluster.js';
import { checkStatements } from './sent-statements.js';

// nestjs-pino keeps the log of the first broker of a process; here one broker follows another. It exports no reset.
const { resetRootLogger } = (await import(resolve('node_modules/nestjs-pino/dist/esm/rootLogger.js'))) as {
  resetRootLogger: () => void;
};

export const YOUTUBE = 'https://www.googleapis.com/auth/yt-analytics.readonly';
export const YOUTUBE_MONEY = 'https://www.googleapis.com/auth/yt-analytics-monetary.readonly';
export const ADS = 'https://www.googleapis.com/auth/adwords';

export const ALICE = {
  sub: '103400000000000000001',
  email: 'alice@example.com',
  name: 'Alice Example',
  hd: 'example.com',
};
export const BOB = { sub: '103400000000000000002', email: 'bob@gmail.test', name: 'Bob Example' };

export const APP = 'https://app.example.com';

/** What users and services leave behind, besides grants. */
const DATA_TABLES = [
  'access_tokens',
  'refresh_tokens',
  'revocations',
  'authorization_requests',
  'connect_tickets',
  'pending_consents',
  'pending_exchanges',
  'ads_trees',
  'security_events',
  'outbox_events',
  'audit_trail',
];

class MovableClock extends Clock {
  #ahead = 0;

  override now(): Date {
    return new Date(Date.now() + this.#ahead);
  }

  override monotonicMs(): number {
    return performance.now() + this.#ahead;
  }

  override get skewMs(): number {
    return 0;
  }

  /** The database does not know of what a test moves. */
  override synchronise(): void {
    return;
  }

  advance(seconds: number): void {
    this.#ahead += seconds * 1000;
  }
}

export interface TestBed {
  readonly url: string;
  /** The URL of its database, as the owner of the tables. */
  readonly ownerUrl: string;
  readonly api: Api;
  readonly google: StandIn;
  readonly clock: MovableClock;
  readonly settings: Readonly<Record<string, string>>;
  /** Everything the broker logged. */
  readonly log: () => string;
  /** Moves the clock past the backoff that a grant gets after a failure of Google. */
  readonly afterBackoff: () => Promise<void>;
  readonly sql: (query: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;
  readonly app: NestFastifyApplication;
  /** Empties every table but those of services and of the schema, while the broker goes on. */
  reset(): Promise<void>;
  /** Another service, with a key of its own. */
  service(policy?: Partial<Policy>): Promise<Api>;
  /** A webhook that gets events from now on. Without a secret it gets one of its own. */
  webhook(spec: Partial<WebhookSpec> & { readonly url: string; readonly secret?: string }): Promise<Webhook>;
  /** A second broker over the same database. */
  restart(settings?: Record<string, string>): Promise<void>;
  stop(): Promise<void>;
}

/** @param overrides settings; or what makes them for the URL of the new database */
export async function startTestBed(
  overrides:
    | Record<string, string>
    | ((
        databaseUrl: string,
        ownerUrl: string,
      ) => Promise<Record<string, string>> | Record<string, string>) = {},
): Promise<TestBed> {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-test-'));
  const clock = new MovableClock();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const google = await startGoogle(url, clock);
  const databaseUrl = await createDatabase();
  const settings = {
    NODE_ENV: 'test',
    PORT: String(port),
    PUBLIC_URL: url,
    DATABASE_URL: asRuntime(databaseUrl),
    KEY_RING_FILE: file(folder, 'key-ring.json', generateKeyRing(new Date())),
    GOOGLE_CLIENT_SECRETS: ['default', 'second', 'elsewhere']
      .map(
        (alias) =>
          `${alias}=${file(folder, `${alias}.json`, JSON.stringify(google.clientSecretJson(alias)))}`,
      )
      .join(','),
    GOOGLE_STAND_IN_URL: google.url,
    GOOGLE_TIMEOUT_MS: '2000',
    RETURN_TO_ORIGINS: APP,
    BROWSER_RATE_LIMIT: '100000',
    // Each session costs processor time, and a broker opens all of them at its start. On a cluster a quarter is for one worker.
    DATABASE_POOL_SIZE: isCluster ? '8' : '4',
    LOG_LEVEL: 'trace',
    ...(typeof overrides === 'function' ? await overrides(asRuntime(databaseUrl), databaseUrl) : overrides),
  };
  let log = '';
  const logDestination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log += chunk.toString();
      done();
    },
  });
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  const start = (env: Record<string, string>) => {
    resetRootLogger();
    return startBroker(readConfiguration(env), { clock, logDestination });
  };
  let app = await start(settings);

  const service = async (policy: Partial<Policy> = {}) => {
    const { key } = await app.get(ServiceRegistry).create(`service ${randomUUID()}`, {
      clients: ['*'],
      scopes: ['*'],
      users: ['*'],
      audit: false,
      disconnect: true,
      revoke: true,
      force: true,
      import: false,
      ...policy,
    });
    return new Api(url, key.reveal());
  };

  const webhook: TestBed['webhook'] = async ({ secret, url, ...spec }) => {
    const created = await app
      .get(WebhookRegistry)
      .create(
        { name: `webhook ${randomUUID()}`, events: [], services: [], ...spec, url },
        secret === undefined ? generateWebhookSecret() : new Secret(secret),
      );
    await app.get(ChangeFeed).catchUp();
    return created;
  };

  const sql = async (query: string, values?: unknown[]) => {
    const rows = await runSql(database, query, values);
    // The broker has been notified of what a test changed in the database when the test goes on.
    await app.get(ChangeFeed).catchUp();
    return rows;
  };

  const reset = async () => {
    for (;;) {
      try {
        // TRUNCATE would make every connection of the broker read the catalog and plan its statements again.
        await sql('DELETE FROM grants');
        await sql(DATA_TABLES.map((table) => `DELETE FROM ${table}`).join('; '));
        return;
      } catch (error) {
        // A job of the broker took the same locks in another order.
        if ((error as pg.DatabaseError).code !== '40P01') throw error;
      }
    }
  };

  return {
    url,
    ownerUrl: databaseUrl,
    api: await service(),
    google,
    clock,
    settings,
    log: () => log,
    sql,
    reset,
    afterBackoff: async () => {
      clock.advance(11);
      await sql('UPDATE grants SET lease_expires_at = NULL WHERE lease_owner IS NULL');
    },
    get app() {
      return app;
    },
    service,
    webhook,
    restart: async (changes = {}) => {
      await app.close();
      forgetConnections();
      app = await start({ ...settings, ...changes });
    },
    stop: async () => {
      await app.close();
      await database.end();
      await google.close();
      await dropCopy(databaseUrl);
      rmSync(folder, { recursive: true, force: true });
      checkStatements();
    },
  };
}

/** Where undici, which is Node's fetch, keeps its connections: it exports nothing to close them. */
const DISPATCHER = Symbol.for('undici.globalDispatcher.1');

/** Node's fetch would use a connection again of which it has not seen yet that the broker closed it. */
function forgetConnections(): void {
  const known = globalThis as { [DISPATCHER]?: { close(): Promise<void>; constructor: new () => never } };
  const used = known[DISPATCHER];
  if (!used) throw new Error('Node keeps the connections of fetch elsewhere.');
  known[DISPATCHER] = new used.constructor();
  void used.close();
}

/** That of the stand-ins of all beds in a process. */
const signingKey = newSigningKey();

async function startGoogle(brokerUrl: string, clock: Clock): Promise<StandIn> {
  const client = (clientId: string, projectId: string) => ({
    clientId,
    projectId,
    clientSecret: `GOCSPX-${clientId}-${randomUUID()}`,
    kind: 'web' as const,
    redirectUris: [`${brokerUrl}/callback`, `${brokerUrl}/console/callback`],
    appName: 'Test app',
  });
  return startStandIn({
    clients: [
      client('default', 'project-a'),
      client('second', 'project-a'),
      client('elsewhere', 'project-b'),
    ],
    accounts: [ALICE, BOB],
    signingKey: await signingKey,
    now: () => clock.now(),
  });
}

/** The same database as the role that a broker runs as in production; it has the password of the owner here. */
export function asRuntime(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  url.username = 'token_broker_runtime';
  return url.href;
}

/** @returns the URL of a new database with all tables and nothing in them */
export async function createDatabase(): Promise<string> {
  const base = process.env['TEST_POSTGRES_URL'] ?? '';
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await copyTemplate(base, name);
  return `${base}${name}`;
}

function file(folder: string, name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}
