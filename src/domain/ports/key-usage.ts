/** How many values each sealing key sealed, of all replicas since the key was made. */
export abstract class KeyUsage {
  /** By key id, as far as this process knows: never too few by more than what it reserved. */
  abstract readonly totals: ReadonlyMap<string, number>;
}
