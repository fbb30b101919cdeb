/** Whether the store can be reached. */
export abstract class DatabaseHealth {
  abstract answers(): Promise<boolean>;

  /** Whether something failed only because the store cannot be reached now. */
  abstract isOutage(fault: unknown): boolean;
}
