import type { Sealer } from '../../sealing/sealer.js';
import type { Database } from '../client/database.js';
import { serviceMac } from './service-mac.js';

/**
 * Signs services that carry no MAC, as versions before MACs left them. A row with a wrong MAC is not signed: somebody changed it.
 * @returns the names of those that are services now
 */
export async function adoptServices(database: Database, sealer: Sealer): Promise<string[]> {
  return database.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT id FROM services WHERE mac IS NULL FOR UPDATE`;
    const rows = await tx.service.findMany({ where: { mac: null }, orderBy: { createdAt: 'asc' } });
    for (const row of rows) {
      const keyHash = row.revokedAt ? null : row.keyHash;
      const revoked = { ...row, keyHash };
      const mac = serviceMac(sealer, revoked);
      await tx.service.update({ where: { id: row.id }, data: { keyHash, mac } });
    }
    return rows.map(({ name }) => name);
  });
}
