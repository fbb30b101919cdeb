/** A part of a list, in its order. It may hold fewer than asked, even none, and still have a next one. */
export interface Page<Item, Position> {
  readonly items: readonly Item[];
  /** The position after which the next page starts; null on the last. */
  readonly next: Position | null;
}
