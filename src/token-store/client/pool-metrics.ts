/** What the connections to PostgreSQL are doing, of the database and of the workers of a cluster. Owns no pool. */
import type pg from 'pg';
import type { Meter } from '../../domain/metrics/meter.js';
import { POOL_CONNECTIONS, POOL_MAX_CONNECTIONS, POOL_WAITING } from '../../domain/metrics/system-metrics.js';

/** @param pools those that there are when Prometheus asks */
export function observePools(
  meter: Meter,
  server: 'database' | 'citus_workers',
  pools: () => readonly pg.Pool[],
): void {
  const sum = (countOf: (pool: pg.Pool) => number) => () =>
    pools().reduce((total, pool) => total + countOf(pool), 0);
  const connections = meter.gauge(POOL_CONNECTIONS);
  connections.observe(
    { server, state: 'in_use' },
    sum(({ totalCount, idleCount }) => totalCount - idleCount),
  );
  connections.observe(
    { server, state: 'idle' },
    sum(({ idleCount }) => idleCount),
  );
  meter.gauge(POOL_MAX_CONNECTIONS).observe(
    { server },
    sum(({ options }) => options.max),
  );
  meter.gauge(POOL_WAITING).observe(
    { server },
    sum(({ waitingCount }) => waitingCount),
  );
}
