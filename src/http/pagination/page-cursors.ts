import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { invalidRequest } from '../../domain/errors.js';
import { Secret } from '../../domain/secret.js';
import { Sealer } from '../../sealing/sealer.js';

/** What a cursor is bound to: its list, the caller, and the caller's filter. */
export type CursorOf = readonly [list: string, serviceId: string, ...filter: unknown[]];

const MESSAGE = 'must be next of the page before, asked with the same filter.';

/**
 * The position where the next page begins. Sealed: it can be that of a row that the caller may not see. The caller, list
 * and filter are the seal's AAD, so that a cursor works for these only.
 */
@Injectable()
export class PageCursors {
  constructor(private readonly sealer: Sealer) {}

  async write(of: CursorOf, position: Readonly<Record<string, string>> | null): Promise<string | null> {
    if (position === null) return null;
    return this.sealer.seal(new Secret(JSON.stringify(position)), aadOf(of));
  }

  /** @throws {BrokerError} `invalid_request` for a cursor that `write` did not make for the same binding */
  async read(of: CursorOf, cursor: string | undefined): Promise<Readonly<Record<string, string>> | null> {
    if (cursor === undefined) return null;
    const position = await this.sealer.open(cursor, aadOf(of)).catch(() => {
      throw invalidRequest({ cursor: MESSAGE });
    });
    return JSON.parse(position.reveal()) as Readonly<Record<string, string>>;
  }
}

/** A digest, since the header of a seal is readable. */
function aadOf(of: CursorOf): string {
  return `cursor/${createHash('sha256').update(JSON.stringify(of)).digest('base64url')}`;
}
