/** A session that blocks the migration, as pg_stat_activity shows it to this role. */
export interface Blocker {
  readonly pid: number;
  readonly what: string;
}

/** How long a migration waits for other sessions in all, and what it reports meanwhile. */
export class LockWait {
  readonly #until: number;
  readonly #said = new Set<string>();

  constructor(
    readonly ms: number,
    private readonly say: (line: string) => void,
  ) {
    this.#until = performance.now() + ms;
  }

  /** Reports each blocking session once. */
  waitsFor(what: string, blockers: readonly Blocker[]): void {
    const key = `${what} ${blockers.map(({ pid }) => pid).join()}`;
    if (this.#said.has(key)) return;
    this.#said.add(key);
    const who = blockers.map((blocker) => `\n  ${blocker.what}`).join('');
    this.say(`Waiting for ${what}${who === '' ? '' : `, blocked by${who}`}`);
  }

  /** @returns whether there is time left; false at once when there is not */
  async pause(ms: number): Promise<boolean> {
    if (performance.now() + ms > this.#until) return false;
    await new Promise((resolve) => setTimeout(resolve, ms));
    return true;
  }
}

/** Other sessions blocked a migration for longer than it waits. Nothing of it was done; of distributed tables, no more than the statements
 * before the one that waited. */
export class DatabaseBusy extends Error {
  override readonly name = 'DatabaseBusy';

  constructor(what: string, blockers: readonly Blocker[], { ms }: LockWait) {
    const who = blockers.map((blocker) => `\n  ${blocker.what}`).join('');
    super(
      `${what} within ${Math.round(ms / 1000)} seconds${who === '' ? '.' : `; blocked by${who}`}\n` +
        'End it (SELECT pg_terminate_backend(process)) or wait for it, and run `token-broker migrate` again, which is safe.',
    );
  }
}
