import { plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import type { ServiceIssuer } from '../domain/access/workload-identity.js';
import { Secret } from '../domain/secret.js';
import { ConfigurationError } from './configuration-error.js';
import { Environment } from './environment.js';
import { GoogleClients, readGoogleClients } from './google-clients.js';
import { productionFaults } from './production-rules.js';
import { proxyVariables } from './proxies.js';
import { callbackOf, listedUriFaults, ownCallbackFaults, returnFaults } from './redirect-uri-faults.js';
import { readServiceIssuers } from './service-issuers.js';
import { Settings } from './settings.js';
import { readTextFile } from './text-file.js';

/** A check of another room that owns part of the configuration, such as the key ring's file. */
export type ConfigurationCheck = (environment: Partial<Environment>) => string[];

/**
 * Reads, validates and freezes the configuration.
 * @throws {ConfigurationError} with all faults, not only the first
 */
export function loadSettings(
  env: Readonly<Record<string, string | undefined>>,
  checks: readonly ConfigurationCheck[] = [],
): Settings {
  const { values, faults } = withFiles(env);
  const environment = plainToInstance(Environment, values, { exposeDefaultValues: true });
  const malformed = validateSync(environment, { whitelist: true });
  for (const error of malformed) {
    faults.push(values[error.property] === undefined ? `${error.property} is not set` : faultOf(error));
  }
  const { clients, faults: clientFaults } = readGoogleClients(
    Array.isArray(environment.GOOGLE_CLIENT_SECRETS) ? environment.GOOGLE_CLIENT_SECRETS : [],
  );
  if (values['GOOGLE_CLIENT_SECRETS'] !== undefined) {
    faults.push(...clientFaults.map((fault) => `GOOGLE_CLIENT_SECRETS: ${fault}`));
  }
  const { issuers, faults: issuerFaults } = readServiceIssuers(environment.SERVICE_ISSUERS_FILE);
  faults.push(...issuerFaults.map((fault) => `SERVICE_ISSUERS_FILE ${fault}`));
  for (const check of [productionFaults, ...checks]) faults.push(...check(environment));
  faults.push(...clients.flatMap(listedUriFaults));
  if (!malformed.some(({ property }) => property === 'PUBLIC_URL')) {
    faults.push(...ownCallbackFaults(environment.PUBLIC_URL));
    faults.push(...clients.flatMap((client) => returnFaults(client, environment.PUBLIC_URL)));
  }
  if (faults.length > 0) throw new ConfigurationError(faults);
  return freeze(env, environment, new GoogleClients(clients), issuers);
}

/** One sentence: the rule written first says what the value must be at all. */
function faultOf({ property, constraints }: ValidationError): string {
  const message = Object.values(constraints ?? {}).at(-1) ?? 'is malformed';
  return message.startsWith(property) ? message : `${property} ${message}`;
}

const SECRETS = ['DATABASE_URL', 'DATABASE_DIRECT_URL', 'WEBHOOK_SECRET'];

/** Replaces `NAME_FILE` by the content of that file, as container platforms hand out secrets. Empty means unset. */
function withFiles(env: Readonly<Record<string, string | undefined>>) {
  const values: Record<string, string> = {};
  const faults: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value === '') continue;
    const secret = SECRETS.find((each) => name === `${each}_FILE`);
    if (secret === undefined) {
      values[name] = value;
      continue;
    }
    if (env[secret]) faults.push(`${secret} and ${name} are both set: keep one`);
    try {
      values[secret] = readTextFile(value).trim();
    } catch {
      faults.push(`${name} names a file that cannot be read`);
    }
  }
  return { values: Object.assign(values, proxyVariables(env)), faults };
}

function freeze(
  env: Readonly<Record<string, string | undefined>>,
  environment: Environment,
  clients: GoogleClients,
  serviceIssuers: readonly ServiceIssuer[],
): Settings {
  return Object.freeze({
    production: environment.NODE_ENV === 'production',
    host: environment.HOST,
    port: environment.PORT,
    publicUrl: environment.PUBLIC_URL,
    redirectUri: callbackOf(environment.PUBLIC_URL),
    databaseUrl: new Secret(environment.DATABASE_URL),
    databaseUrlFile: env['DATABASE_URL_FILE'] || null,
    databaseDirectUrl: environment.DATABASE_DIRECT_URL ? new Secret(environment.DATABASE_DIRECT_URL) : null,
    databaseDirectUrlFile: env['DATABASE_DIRECT_URL_FILE'] || null,
    databasePooler: environment.DATABASE_POOLER ?? null,
    allowNewerSchema: environment.ALLOW_NEWER_SCHEMA,
    shutdownDelayMs: environment.SHUTDOWN_DELAY_SECONDS * 1000,
    databasePoolSize: environment.DATABASE_POOL_SIZE,
    databaseConnectionLifetimeMs: environment.DATABASE_CONNECTION_LIFETIME_SECONDS * 1000,
    keyRingFile: environment.KEY_RING_FILE,
    clients,
    returnToOrigins: environment.RETURN_TO_ORIGINS.map((origin) => new URL(origin).origin),
    googleStandInUrl: environment.GOOGLE_STAND_IN_URL ?? null,
    googleTimeoutMs: environment.GOOGLE_TIMEOUT_MS,
    googleConcurrency: environment.GOOGLE_CONCURRENCY,
    googleQueueMs: environment.GOOGLE_QUEUE_SECONDS * 1000,
    memoryUsers: environment.MEMORY_USERS,
    memoryWithoutDatabaseMs: environment.MEMORY_WITHOUT_DATABASE_SECONDS * 1000,
    cacheMaxAgeMs: environment.CACHE_MAX_AGE_SECONDS * 1000,
    clockSkewMaxMs: environment.CLOCK_SKEW_MAX_SECONDS * 1000,
    googleAdsApiVersion: environment.GOOGLE_ADS_API_VERSION,
    adsMaxAgeSeconds: environment.ADS_MAX_AGE,
    adsMinAgeSeconds: environment.ADS_MIN_AGE,
    adsMostListings: environment.ADS_MOST_LISTINGS,
    narrowScopes: environment.NARROW_SCOPES,
    slotLimit: environment.SLOT_LIMIT,
    testingClients: environment.TESTING_CLIENTS,
    webhook: webhookOf(environment),
    auditFlushMs: environment.AUDIT_FLUSH_SECONDS * 1000,
    auditRetentionDays: environment.AUDIT_RETENTION_DAYS,
    serviceIssuers,
    ratesPerMinute: {
      service: environment.SERVICE_RATE_LIMIT,
      browser: environment.BROWSER_RATE_LIMIT,
      securityEvents: environment.SECURITY_EVENT_RATE_LIMIT,
    },
    connectionTimes: {
      headersMs: environment.HTTP_HEADERS_TIMEOUT_MS,
      requestMs: environment.HTTP_REQUEST_TIMEOUT_MS,
      idleMs: environment.HTTP_CONNECTION_TIMEOUT_MS,
      keepAliveMs: environment.HTTP_KEEP_ALIVE_MS,
    },
    maxConnections: environment.HTTP_MAX_CONNECTIONS ?? null,
    trustedProxies: environment.TRUSTED_PROXIES,
    logLevel: environment.LOG_LEVEL,
  });
}

function webhookOf({ WEBHOOK_URL, WEBHOOK_SECRET, WEBHOOK_TIMEOUT_MS }: Environment): Settings['webhook'] {
  if (!WEBHOOK_URL || !WEBHOOK_SECRET) return null;
  return { url: WEBHOOK_URL, secret: new Secret(WEBHOOK_SECRET), timeoutMs: WEBHOOK_TIMEOUT_MS };
}
