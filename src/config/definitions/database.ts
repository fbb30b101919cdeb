import { choice, flag, integer, matches, secret } from '../setting.js';

export const DATABASE_URL = /^postgres(ql)?:\/\/\S+$/;
export const DATABASE_URL_RULE = 'must be a postgresql:// URL';

const URL_RULE = matches(DATABASE_URL, DATABASE_URL_RULE);

/** PostgreSQL: where it is, what is in between, how connections are used. */
export const DATABASE_SETTINGS = {
  DATABASE_URL: secret({
    rule: URL_RULE,
    doc: 'The URL of PostgreSQL; tested with 18.',
    more: '`DATABASE_URL_FILE` names a file that holds it instead, read again for each connection. Its forms, several hosts, TLS: [database.md](database.md).',
    example: 'postgresql://broker@db:5432/broker',
  }),
  DATABASE_DIRECT_URL: secret({
    default: null,
    rule: URL_RULE,
    doc: 'The URL of PostgreSQL itself, where `DATABASE_URL` is that of a pooler: for LISTEN and `token-broker migrate`.',
    more: 'See [poolers](database.md#poolers). `DATABASE_DIRECT_URL_FILE` names a file that holds it instead.',
    example: 'postgresql://broker@db:5432/broker',
  }),
  DATABASE_POOLER: choice(['session', 'transaction'], 'must be session or transaction', {
    default: null,
    doc: 'How the pooler of `DATABASE_URL` shares connections.',
    more: 'Not set: the broker detects a [pooler](database.md#poolers), and treats its sessions as shared.',
    example: 'transaction',
  }),
  DATABASE_POOL_SIZE: integer({
    default: 10,
    min: 1,
    max: 500,
    doc: 'The number of connections to PostgreSQL that one broker process keeps.',
    example: '20',
  }),
  DATABASE_CONNECTION_LIFETIME_SECONDS: integer({
    default: 30,
    min: 1,
    max: 3600,
    unit: 'seconds',
    doc: 'The age at which a connection to PostgreSQL is replaced, so that a failover is noticed.',
    more: "For so long, and 2 seconds more, a [failover that left the old primary running](decisions/0011-memory-and-leases.md) may go unnoticed. A pooler's own limit adds to it (PgBouncer's `server_lifetime`, an hour by default).",
    example: '60',
  }),
  ALLOW_NEWER_SCHEMA: flag({
    default: false,
    doc: 'Whether the broker is ready on a database that a newer version has migrated: for a rollback to the version before.',
    more: 'See [migrations and readiness](database.md#migrations-and-readiness).',
    example: 'true',
  }),
  CLOCK_SKEW_MAX_SECONDS: integer({
    default: 900,
    min: 1,
    max: 86_400,
    unit: 'seconds',
    doc: "The difference between this machine's clock and the database's at which the broker is not ready.",
    more: 'All lifetimes follow the clock of the database. See [`clock_skewed`](errors.md#clock_skewed). From 5 seconds on the log warns.',
    example: '60',
  }),
};
