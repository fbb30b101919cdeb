import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { invalidRequest } from '../../domain/errors.js';
import { Secret } from '../../domain/secret.js';
import { Sealer } from '../../sealing/sealer.js';

/** What a cursor is good for: its list, the caller, and all that the caller filtered by. */
export type CursorOf = readonly [list: string, serviceId: string, ...filter: unknown[]];

const MESSAGE = 'must be next of the page before, asked with the same filter.';

/**
 * Where a list goes on. Sealed: the place can be that of a row which the caller may not see, and a cursor works only
 * for the caller, list and filter that it was made for.
 */
@Injectable()
export class PageCursors {
  constructor(private readonly sealer: Sealer) {}

  async write(of: CursorOf, position: Readonly<Record<string, string>> | null): Promise<string | null> {
    if (position === null) return null;
    return this.sealer.seal(new Secret(JSON.stringify(position)), positionOf(of));
  }

  /** @throws {BrokerError} `invalid_request` for every cursor that `write` did not make for the same */
  async read(of: CursorOf, cursor: string | undefined): Promise<Readonly<Record<string, string>> | null> {
    if (cursor === undefined) return null;
    const position = await this.sealer.open(cursor, positionOf(of)).catch(() => {
      throw invalidRequest({ cursor: MESSAGE });
    });
    return JSON.parse(position.reveal()) as Readonly<Record<string, string>>;
  }
}

/** A digest: the header of a seal is readable. */
function positionOf(of: CursorOf): string {
  return `cursor/${createHash('sha256').update(JSON.stringify(of)).digest('base64url')}`;
}
