/** Metrics of what the broker stands on: the database, the change feed, clocks, keys, and the processes themselves. */
import { INTEGRITY_KINDS } from '../ports/reporters.js';
import { counter, gauge, sharedGauge } from './definition.js';

const KEY = 'key ids of the key ring';

/** All workers together: how many there are is not fixed. */
const POOL_SERVERS = ['database', 'citus_workers'] as const;

export const POOL_CONNECTIONS = gauge({
  name: 'token_broker_database_pool_connections',
  help: 'Connections to PostgreSQL in the pool; those of `citus_workers` lead straight to the workers of Citus.',
  unit: 'connections',
  labels: { server: POOL_SERVERS, state: ['in_use', 'idle'] },
  see: 'database.md',
});

export const POOL_MAX_CONNECTIONS = gauge({
  name: 'token_broker_database_pool_max_connections',
  help: 'How many connections the pool may hold: DATABASE_POOL_SIZE, and as many for each worker of Citus that is asked directly.',
  unit: 'connections',
  labels: { server: POOL_SERVERS },
  see: 'configuration.md',
});

export const POOL_WAITING = gauge({
  name: 'token_broker_database_pool_waiting',
  help: 'Statements that wait for a connection of the pool.',
  unit: 'statements',
  labels: { server: POOL_SERVERS },
  see: 'database.md',
});

export const CHANGE_FEED_UP = gauge({
  name: 'token_broker_change_feed_up',
  help: '1 while changes are received; 0 while calls are answered from the database.',
  unit: 'none',
  labels: {},
  see: 'decisions/0011-memory-and-leases.md',
});

export const HEARTBEAT_AGE = gauge({
  name: 'token_broker_change_feed_heartbeat_age_seconds',
  help: 'How long ago the last heartbeat was sent that was received; since the start where none was.',
  unit: 'seconds',
  labels: {},
});

export const CHANGE_FEED_LAG = gauge({
  name: 'token_broker_change_feed_lag_seconds',
  help: 'How long the last heartbeat took from its writing to its notification, as each change does.',
  unit: 'seconds',
  labels: {},
});

export const CLOCK_SKEW = gauge({
  name: 'token_broker_clock_skew_seconds',
  help: "How far this machine's clock is ahead of the database's.",
  unit: 'seconds',
  labels: {},
  see: 'errors.md#clock_skewed',
});

export const INTEGRITY_FAILURES = counter({
  name: 'token_broker_integrity_failures_total',
  help: 'Stored values and rows that were refused because they are not as the broker wrote them. Alert on any.',
  unit: 'values',
  labels: { kind: INTEGRITY_KINDS },
  see: 'decisions/0004-sealing.md',
});

export const SEALS = counter({
  name: 'token_broker_seals_total',
  help: 'Values that this process sealed.',
  unit: 'values',
  labels: { key: KEY },
});

export const KEY_SEALS = sharedGauge({
  name: 'token_broker_key_seals',
  help: 'Values that all replicas sealed with a key, counted ahead. A key is good for 2^32 (4.3e9): rotate at half of that.',
  unit: 'values',
  labels: { key: KEY },
  see: 'cli.md#keys-reseal-and-the-whole-rotation',
});

export const KEY_CREATED = gauge({
  name: 'token_broker_key_created_timestamp_seconds',
  help: 'When a key of the ring was made, by the date in its id; none where it has none. The key that seals, and those that open.',
  unit: 'seconds',
  labels: { key: KEY, use: ['seal', 'open'] },
  see: 'cli.md#keys-reseal-and-the-whole-rotation',
});

export const BUILD_INFO = gauge({
  name: 'token_broker_build_info',
  help: '1, with the version of the broker and of Node.js.',
  unit: 'none',
  labels: { version: 'the version', node: 'the version of Node.js' },
});

export const SCHEMA_INFO = sharedGauge({
  name: 'token_broker_schema_info',
  help: '1, with the newest migration of the database.',
  unit: 'none',
  labels: { migration: 'a name in prisma/migrations' },
  see: 'database.md',
});

export const STORE_FIGURES_UP = gauge({
  name: 'token_broker_store_figures_up',
  help: '1 where the figures that all replicas share were read from the database; 0 where they are not in this answer.',
  unit: 'none',
  labels: {},
});

const WORKER = '1 to `WORKERS`';

export const WORKER_UP = gauge({
  name: 'token_broker_worker_up',
  help: '1 while the worker answers its supervisor within a second; 0 while it starts, hangs or waits to be started again.',
  unit: 'none',
  labels: { worker: WORKER },
  see: 'decisions/0017-workers.md',
});

export const WORKER_RESTARTS = counter({
  name: 'token_broker_worker_restarts_total',
  help: 'How often the worker ended by itself and was started again.',
  unit: 'restarts',
  labels: { worker: WORKER },
  see: 'decisions/0017-workers.md',
});
