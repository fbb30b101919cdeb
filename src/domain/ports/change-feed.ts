/** What somebody changed: this process, another replica, a command, an operator with SQL. */
export type Change =
  | { readonly kind: 'grant'; readonly userId: string; readonly client: string }
  | { readonly kind: 'services' }
  /** Anything may have changed, such as while we could not listen. */
  | { readonly kind: 'everything' };

/** Tells what must not be believed any more of what was read before. */
export abstract class ChangeFeed {
  readonly #listeners = new Set<(change: Change) => void>();

  /** Whether memory may be believed: every change is heard within moments, or the settings allow a time without. */
  abstract get isTrusted(): boolean;

  /** Returns when all that was committed before has been heard. Does nothing while there is no connection. */
  abstract catchUp(): Promise<void>;

  /** @returns how to stop listening */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whoever commits a change says so here as well: its own process must not serve the old for a moment longer. */
  tell(change: Change): void {
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
