/** Whether the store can be reached. */
export abstract class DatabaseHealth {
  abstract answers(): Promise<boolean>;
}
