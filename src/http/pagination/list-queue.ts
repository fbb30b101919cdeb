import { Injectable } from '@nestjs/common';
import { BrokerError } from '../../domain/errors.js';

/** Lists that one process reads concurrently. Token requests do not wait for them. */
const MAX_CONCURRENT = 2;
const MAX_WAITING = 20;

type Wake = () => void;

/** Whose list it is: a service, or a person at the console. */
interface ListReader {
  readonly id: string;
}

/**
 * A fair queue for lists: few are read concurrently, so that they take neither connections nor the event loop from token
 * requests. Readers take turns: one with many requests waits behind its own.
 */
@Injectable()
export class ListQueue {
  #running = 0;
  readonly #waiting = new Map<string, Wake[]>();

  /** @throws {BrokerError} `rate_limited` when too many requests of this reader wait */
  async run<Result>({ id }: ListReader, read: () => Promise<Result>): Promise<Result> {
    if (this.#running >= MAX_CONCURRENT) await this.#turn(id);
    else this.#running++;
    try {
      return await read();
    } finally {
      const wake = this.#next();
      if (wake) wake();
      else this.#running--;
    }
  }

  #turn(id: string): Promise<void> {
    const own = this.#waiting.get(id) ?? [];
    if (own.length >= MAX_WAITING) {
      throw new BrokerError(
        'rate_limited',
        'Too many lists are requested at the same time. Request one after the other.',
        {
          retry_after: 1,
        },
      );
    }
    return new Promise((resolve) => {
      this.#waiting.set(id, [...own, resolve]);
    });
  }

  /** The first request of the reader whose last turn is longest ago. */
  #next(): Wake | undefined {
    const [first] = this.#waiting;
    if (!first) return undefined;
    const [id, [wake, ...rest]] = first;
    this.#waiting.delete(id);
    if (rest.length > 0) this.#waiting.set(id, rest);
    return wake;
  }
}
