import { Injectable } from '@nestjs/common';
import { Database } from '../client/database.js';
import { inBatches, MAX_BATCH_ROWS } from '../client/bounded-statements.js';

/** What a service did of late: nothing where it has not called for longer than rows are kept. */
export interface ServiceUsage {
  readonly serviceId: string;
  /** To the hour: the beginning of the last one in which it called. */
  readonly lastUsedAt: Date;
  /** Calls of the last 24 hours. */
  readonly callsOfDay: number;
}

/**
 * How often services called, by the hour. Apart from the services: their rows are signed, and each change of one is
 * published to every replica.
 */
@Injectable()
export class ServiceUsageRepository {
  constructor(private readonly database: Database) {}

  /** Adds calls of one process, in one statement. */
  async add(calls: ReadonlyMap<string, number>, now: Date): Promise<void> {
    if (calls.size === 0) return;
    // Sorted: two replicas take the locks in the same order.
    const ids = [...calls.keys()].sort();
    const counts = ids.map((id) => calls.get(id) ?? 0);
    await this.database.$executeRaw`
      INSERT INTO service_usage (service_id, hour, calls)
      SELECT id, date_trunc('hour', ${now}::timestamptz, 'UTC'), count
      FROM unnest(${ids}::text[], ${counts}::bigint[]) AS counted(id, count)
      ON CONFLICT (service_id, hour) DO UPDATE SET calls = service_usage.calls + excluded.calls`;
  }

  async of(serviceIds: readonly string[], now: Date): Promise<ReadonlyMap<string, ServiceUsage>> {
    const day = new Date(now.getTime() - 24 * 3600_000);
    const rows = await this.database.$queryRaw<ServiceUsage[]>`
      SELECT wanted.id AS "serviceId", newest.hour AS "lastUsedAt",
        (SELECT coalesce(sum(calls), 0)::float8 FROM service_usage
          WHERE service_id = wanted.id AND hour > ${day}) AS "callsOfDay"
      FROM unnest(${[...serviceIds]}::text[]) AS wanted(id)
        CROSS JOIN LATERAL (SELECT hour FROM service_usage WHERE service_id = wanted.id ORDER BY hour DESC LIMIT 1) AS newest`;
    return new Map(rows.map((row) => [row.serviceId, row]));
  }

  async prune(before: Date, shutdown?: AbortSignal): Promise<void> {
    const old = { where: { hour: { lt: before } }, limit: MAX_BATCH_ROWS };
    await inBatches(async () => (await this.database.serviceUsage.deleteMany(old)).count, shutdown);
  }
}
