import { timingSafeEqual } from 'node:crypto';
import type { Sealer } from '../../sealing/sealer.js';
import type { Database } from '../client/database.js';
import { canonical } from '../sealed/aad.js';

/** A row of `services`, of whatever version: every column is covered, also one that a later migration adds. */
export type SignedRow = object & { readonly mac: Uint8Array | null };

/** The MAC over all other columns of a service: who it is, how it proves that, what it may, and whether it is revoked. */
export function serviceMac(sealer: Sealer, { mac: _, ...columns }: SignedRow): Uint8Array<ArrayBuffer> {
  return sealer.mac(canonical(columns), 'services');
}

export function isSigned(sealer: Sealer, row: SignedRow): boolean {
  const expected = serviceMac(sealer, row);
  return row.mac?.length === expected.length && timingSafeEqual(row.mac, expected);
}

/**
 * Signs services without a MAC, as versions before MACs wrote them. A row with a wrong MAC is not signed: it was changed.
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
