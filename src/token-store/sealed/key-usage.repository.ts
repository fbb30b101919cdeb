import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Sealer } from '../../sealing/sealer.js';
import { Database } from '../client/database.js';

const TICK_MS = 5_000;
/** Reserved ahead at least, so that what a crash loses was counted before. */
const MIN_AHEAD = 500;
/** With random nonces a key of AES-GCM seals 2^32 values at most (NIST SP 800-38D section 8.3). */
const LIMIT = 2 ** 32;
/** Time enough to rotate: at a thousand seals a second, three weeks. */
const WARN_AT = LIMIT / 2;
const WARN_AGAIN_MS = 3600_000;

const RESERVE = `
  INSERT INTO key_usage AS usage (kid, seals) VALUES ($1, $2)
  ON CONFLICT (kid) DO UPDATE SET seals = greatest(usage.seals + excluded.seals, 0)
  RETURNING seals::text`;

interface Reservation {
  /** How many seals of this process are in the table. */
  reserved: number;
  sealedAtLastTick: number;
  warnedAt: number;
}

/**
 * Counts how many values each key sealed, of all replicas since the key was made. No call waits for it: each process reserves
 * seals ahead, by one statement every few seconds at most, and returns what it did not need when it stops.
 */
@Injectable()
export class KeyUsageRepository implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #log = new Logger('KeyUsage');
  readonly #reservations = new Map<string, Reservation>();
  readonly #totals = new Map<string, number>();
  #timer: NodeJS.Timeout | null = null;
  #underWay: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly sealer: Sealer,
  ) {}

  /** By key id, as far as this process knows: never too few by more than what it reserved. */
  get totals(): ReadonlyMap<string, number> {
    return this.#totals;
  }

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => {
      this.#underWay = this.#underWay.then(() => this.#reserveAll());
    }, TICK_MS).unref();
  }

  /** Nest shuts down what depends on the database before the database. */
  async onApplicationShutdown(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#underWay;
    for (const [kid, sealed] of this.sealer.seals) {
      const { reserved } = this.#reservationOf(kid);
      if (sealed !== reserved) await this.#add(kid, sealed - reserved);
    }
  }

  async #reserveAll(): Promise<void> {
    for (const [kid, sealed] of this.sealer.seals) {
      const reservation = this.#reservationOf(kid);
      const lately = sealed - reservation.sealedAtLastTick;
      reservation.sealedAtLastTick = sealed;
      const ahead = Math.max(MIN_AHEAD, 2 * lately);
      if (reservation.reserved - sealed < ahead / 2)
        await this.#add(kid, sealed + ahead - reservation.reserved);
    }
  }

  /** Does not throw: the next tick adds what this one could not. */
  async #add(kid: string, seals: number): Promise<void> {
    try {
      const [row] = await this.database.prepared<{ seals: string }>('reserve seals', RESERVE, [kid, seals]);
      this.#reservationOf(kid).reserved += seals;
      this.#totals.set(kid, Number(row?.seals ?? 0));
      this.#warn(kid);
    } catch (error) {
      this.#log.warn({ err: error, key: kid }, 'seals could not be counted; they are counted later');
    }
  }

  #warn(kid: string): void {
    const seals = this.#totals.get(kid) ?? 0;
    const reservation = this.#reservationOf(kid);
    if (seals < WARN_AT || Date.now() - reservation.warnedAt < WARN_AGAIN_MS) return;
    reservation.warnedAt = Date.now();
    this.#log.warn(
      { key: kid, seals, limit: LIMIT },
      'a sealing key nears its limit: rotate it with `token-broker keys generate --add`, then `keys reseal`',
    );
  }

  #reservationOf(kid: string): Reservation {
    let reservation = this.#reservations.get(kid);
    if (!reservation) {
      reservation = { reserved: 0, sealedAtLastTick: 0, warnedAt: 0 };
      this.#reservations.set(kid, reservation);
    }
    return reservation;
  }
}
