/** Whether the store can be reached, and serves this version. */
export abstract class DatabaseHealth {
  /** @returns why the store cannot serve, as a sentence that says what to do; null when it can */
  abstract fault(): Promise<string | null>;

  /** Whether something failed only because the store cannot serve now. It is logged once for all that fail so. */
  abstract isOutage(fault: unknown): boolean;
}
