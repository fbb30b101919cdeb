/** What was changed: by this process, another replica, a command, an operator with SQL. */
export type Change =
  | { readonly kind: 'grant'; readonly userId: string; readonly client: string }
  | { readonly kind: 'services' }
  /** Anything may have changed, such as while changes were not heard. */
  | { readonly kind: 'everything' };

/** Why changes are not heard. */
export interface ChangesFault {
  readonly reason:
    | 'not_listening'
    | 'heartbeat_failed'
    | 'heartbeat_not_heard'
    | 'triggers_missing'
    | 'triggers_bypassed'
    | 'servers_differ';
  /** What was seen, for an operator; nothing secret. */
  readonly seen: Readonly<Record<string, unknown>>;
}

/** Says what must not be believed any more of what was read before. */
export abstract class ChangeFeed {
  readonly #listeners = new Set<(change: Change) => void>();

  /** Whether caches may be believed: every change is heard within moments, or the settings allow a time without. */
  abstract get isTrusted(): boolean;

  /** Why caches are not believed, or not for much longer; null: changes are heard. */
  abstract get fault(): ChangesFault | null;

  /**
   * Whether what was read at a moment may still be believed: changes are heard, and it is not older than the settings
   * allow.
   * @param readAt when the question was sent, by performance.now()
   */
  abstract believes(readAt: number): boolean;

  /** Returns when all that was committed before has been heard. Does nothing where changes are not heard. */
  abstract catchUp(): Promise<void>;

  /** @returns how to stop listening */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Also for the code that commits a change: its own process must not serve the old for a moment longer. */
  publish(change: Change): void {
    for (const listener of [...this.#listeners]) listener(change);
  }

  /** Waits until the grants of a user change, and no longer than so many milliseconds. */
  changeOf(userId: string, client: string, atMostMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        stop();
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(done, atMostMs);
      const stop = this.subscribe((change) => {
        const isOther = change.kind === 'grant' && (change.userId !== userId || change.client !== client);
        if (change.kind !== 'services' && !isOther) done();
      });
    });
  }
}
