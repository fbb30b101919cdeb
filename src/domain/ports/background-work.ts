/** Work that no request asks for. It stops with the broker, after what it has in hand. */
export abstract class BackgroundWork {
  /**
   * Runs a task at the start and then every so many seconds by the Clock, never two runs of it at a time. A run that
   * fails is logged, and the next one comes in its turn.
   * @param task gets a signal that the broker is about to stop
   */
  abstract every(seconds: number, name: string, task: (stopping: AbortSignal) => Promise<void>): void;
}
