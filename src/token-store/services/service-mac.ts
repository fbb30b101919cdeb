import { timingSafeEqual } from 'node:crypto';
import type { Sealer } from '../../sealing/sealer.js';
import { canonical } from '../sealed/canonical.js';

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
