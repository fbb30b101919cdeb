import type { ServiceIssuer } from '../domain/access/workload-identity.js';
import type { Secret } from '../domain/secret.js';
import type { GoogleClients } from './google-clients.js';

/** Settings as the rest of the broker sees them: validated, frozen, secrets wrapped. Durations are in the names. */
export class Settings {
  readonly production!: boolean;
  readonly host!: string;
  readonly port!: number;
  /** The origin that browsers see, such as `https://broker.example.com`. */
  readonly publicUrl!: string;
  /** Where Google sends the browser back. */
  readonly redirectUri!: string;
  readonly databaseUrl!: Secret;
  /** Where it was read from, and is read again for each connection; null: from the environment. */
  readonly databaseUrlFile!: string | null;
  /** Past a pooler, for LISTEN and `migrate`; null: databaseUrl reaches PostgreSQL itself. */
  readonly databaseDirectUrl!: Secret | null;
  readonly databaseDirectUrlFile!: string | null;
  /** How the pooler of databaseUrl shares connections, where the operator says so. */
  readonly databasePooler!: 'session' | 'transaction' | null;
  /** Whether the broker serves from a database that a newer version has migrated. */
  readonly allowNewerSchema!: boolean;
  /** For how long it serves on, not ready, when it is told to stop. */
  readonly shutdownDelayMs!: number;
  readonly databasePoolSize!: number;
  /** After so long a connection is replaced. */
  readonly databaseConnectionLifetimeMs!: number;
  readonly keyRingFile!: string;
  readonly clients!: GoogleClients;
  readonly returnToOrigins!: readonly string[];
  /** The stand-in's origin; null means the real Google. */
  readonly googleStandInUrl!: string | null;
  readonly googleTimeoutMs!: number;
  /** Refreshes that run at a time. */
  readonly googleConcurrency!: number;
  /** How long a caller waits for its turn at Google. */
  readonly googleQueueMs!: number;
  /** For how many users tokens are remembered. */
  readonly memoryUsers!: number;
  /** For how long memory counts as true while the database tells of no changes. */
  readonly memoryWithoutDatabaseMs!: number;
  /** How old what is remembered may get, whatever was heard of it. */
  readonly cacheMaxAgeMs!: number;
  /** A machine whose clock differs more from the database's is not ready. */
  readonly clockSkewMaxMs!: number;
  /** Such as `v26`. */
  readonly googleAdsApiVersion!: string;
  /** How old what Google Ads told may be, unless a caller says otherwise. */
  readonly adsMaxAgeSeconds!: number;
  /** A younger answer of Google Ads is never asked for again. */
  readonly adsMinAgeSeconds!: number;
  /** Accounts of Google Ads whose clients one synchronisation lists, at most. */
  readonly adsMostListings!: number;
  readonly narrowScopes!: boolean;
  readonly slotLimit!: number;
  /** Aliases of clients whose Google app is in Testing. */
  readonly testingClients!: readonly string[];
  /** Where the app is told of changes; null: nowhere. */
  readonly webhook!: { readonly url: string; readonly secret: Secret; readonly timeoutMs: number } | null;
  /** Tokens issued alike within this time become one event. */
  readonly auditFlushMs!: number;
  readonly auditRetentionDays!: number;
  /** Whose JWTs services may come with, besides our keys. */
  readonly serviceIssuers!: readonly ServiceIssuer[];
  readonly ratesPerMinute!: {
    readonly service: number;
    readonly browser: number;
    readonly securityEvents: number;
  };
  /** How long a connection may take for what. */
  readonly connectionTimes!: {
    readonly headersMs: number;
    readonly requestMs: number;
    readonly idleMs: number;
    readonly keepAliveMs: number;
  };
  /** Null: as many as the system allows. */
  readonly maxConnections!: number | null;
  readonly trustedProxies!: readonly string[];
  readonly logLevel!: string;
}
