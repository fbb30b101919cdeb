import { Injectable } from '@nestjs/common';
import type { Service } from '../../domain/access/policy.js';
import { BrokerError } from '../../domain/errors.js';

/** Lists that are read at the same time in one process; tokens go past them. */
const AT_ONCE = 2;
const MAX_WAITING = 20;

type Wake = () => void;

/**
 * Lists are read a few at a time, so that a caller of many keeps neither connections nor the thread from tokens. Services
 * take turns: one that asks for many waits behind its own.
 */
@Injectable()
export class ListTurns {
  #running = 0;
  readonly #waiting = new Map<string, Wake[]>();

  /** @throws {BrokerError} `rate_limited` when too many calls of this service wait */
  async run<Answer>({ id }: Service, read: () => Promise<Answer>): Promise<Answer> {
    if (this.#running >= AT_ONCE) await this.#turn(id);
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
        'Too many lists are asked for at the same time. Ask for one after the other.',
        {
          retry_after: 1,
        },
      );
    }
    return new Promise((resolve) => {
      this.#waiting.set(id, [...own, resolve]);
    });
  }

  /** The first of the service that waits longest since its last turn. */
  #next(): Wake | undefined {
    const [first] = this.#waiting;
    if (!first) return undefined;
    const [id, [wake, ...rest]] = first;
    this.#waiting.delete(id);
    if (rest.length > 0) this.#waiting.set(id, rest);
    return wake;
  }
}
