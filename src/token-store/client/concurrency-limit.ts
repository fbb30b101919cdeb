/**
 * How much work about one subject may be under way at a time. For what holds a connection of the pool until it times out while a server of
 * a cluster is silent: with a limit, connections are left for what other servers answer. Owns no connection.
 */

interface Subject {
  running: number;
  /** By performance.now(): when some of it was last answered, or began to wait for an answer. */
  answeredAt: number;
  /** In the order in which they came. */
  readonly waiting: Set<() => void>;
}

export class ConcurrencyLimit {
  readonly #subjects = new Map<string, Subject>();

  /**
   * @param waitMs how long work waits while nothing of what is under way is answered: a burst only waits for its turn
   * @param isAnswering whether something else shows that the subject answers: then what is under way waits for a lock, which ends
   */
  constructor(
    private readonly max: number,
    private readonly waitMs: number,
    private readonly isAnswering: (about: string) => boolean = () => false,
  ) {}

  /** @throws where what is under way did not end in time: as the pool does where no connection comes free */
  async run<Result>(about: string, work: () => Promise<Result>): Promise<Result> {
    const subject = this.#subjects.get(about) ?? {
      running: 0,
      answeredAt: performance.now(),
      waiting: new Set(),
    };
    this.#subjects.set(about, subject);
    if (subject.running < this.max) subject.running++;
    else await this.#turn(about, subject);
    try {
      const result = await work();
      subject.answeredAt = performance.now();
      return result;
    } finally {
      const [next] = subject.waiting;
      if (next) next();
      else subject.running--;
      if (subject.running === 0) this.#subjects.delete(about);
    }
  }

  /** The place passes to the next in the queue. */
  #turn(about: string, subject: Subject): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout;
      const begin = () => {
        clearTimeout(timer);
        subject.waiting.delete(begin);
        resolve();
      };
      const startedAt = performance.now();
      const check = () => {
        if (this.isAnswering(about)) subject.answeredAt = performance.now();
        const silentMs = performance.now() - Math.max(startedAt, subject.answeredAt);
        // Timers may fire a moment early.
        if (silentMs < this.waitMs - 1) {
          timer = setTimeout(check, this.waitMs - silentMs).unref();
          return;
        }
        subject.waiting.delete(begin);
        reject(new Error('Timed out: earlier statements of the same kind were not answered.'));
      };
      timer = setTimeout(check, this.waitMs).unref();
      subject.waiting.add(begin);
    });
  }
}
