/**
 * How much work about one subject may be under way at a time. For what holds a connection of the pool until it times out while a server of
 * a cluster is silent: with a limit, connections are left for what other servers answer. Owns no connection.
 */

interface Subject {
  running: number;
  /** In the order in which they came. */
  readonly waiting: Set<() => void>;
}

export class ConcurrencyLimit {
  readonly #subjects = new Map<string, Subject>();

  /** @param waitMs how long work waits for what is under way */
  constructor(
    private readonly max: number,
    private readonly waitMs: number,
  ) {}

  /** @throws where what is under way did not end in time: as the pool does where no connection comes free */
  async run<Result>(about: string, work: () => Promise<Result>): Promise<Result> {
    const subject = this.#subjects.get(about) ?? { running: 0, waiting: new Set() };
    this.#subjects.set(about, subject);
    if (subject.running < this.max) subject.running++;
    else await this.#turn(subject);
    try {
      return await work();
    } finally {
      const [next] = subject.waiting;
      if (next) next();
      else subject.running--;
      if (subject.running === 0) this.#subjects.delete(about);
    }
  }

  /** The place passes to the next in the queue. */
  #turn({ waiting }: Subject): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        clearTimeout(timer);
        waiting.delete(begin);
        resolve();
      };
      const timer = setTimeout(() => {
        waiting.delete(begin);
        reject(new Error('Timed out: earlier statements of the same kind were not answered.'));
      }, this.waitMs).unref();
      waiting.add(begin);
    });
  }
}
