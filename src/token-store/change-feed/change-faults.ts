import { Logger } from '@nestjs/common';
import type { ChangesFault } from './change.js';

const WORDS: Readonly<Record<ChangesFault['reason'], string>> = {
  not_listening: 'the listening connection is lost or cannot be opened',
  heartbeat_failed: 'the heartbeat cannot be written',
  heartbeat_not_heard:
    'a heartbeat was written and not notified. A pooler in transaction mode does not pass on what LISTEN hears',
  triggers_missing:
    'triggers are missing or disabled. Enable them with ALTER TABLE ... ENABLE ALWAYS TRIGGER',
  triggers_bypassed: 'session_replication_role is set to replica, where ordinary triggers do not fire',
  servers_differ: 'connections to DATABASE_URL reach different servers, as after a failover',
};

/** Why changes are not heard: said in the log once, until it is something else. */
export class ChangeFaults {
  #current: ChangesFault | null = null;

  constructor(private readonly log: Logger) {}

  get current(): ChangesFault | null {
    return this.#current;
  }

  report(fault: ChangesFault): void {
    if (JSON.stringify(fault) === JSON.stringify(this.#current)) return;
    this.#current = fault;
    this.log.warn(
      { reason: fault.reason, ...fault.seen },
      `changes are not heard, and calls are answered from the database: ${WORDS[fault.reason]}`,
    );
  }

  clear(): void {
    if (this.#current) this.log.log('changes are heard again');
    this.#current = null;
  }
}

/** Its code says enough; a message could quote the address. */
export function seenOf(error: unknown): ChangesFault['seen'] {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? { error: code } : {};
}
