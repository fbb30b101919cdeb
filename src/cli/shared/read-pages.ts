import type { Page } from '../../domain/list-position.js';

/** Rows of one page, at most. */
const PAGE = 500;

/**
 * Reads a list page by page, up to a number of items.
 * @param limit null: all of them
 * @returns once read, whether there are more
 */
export async function* readPages<Item, Position>(
  read: (after: Position | null, limit: number) => Promise<Page<Item, Position>>,
  limit: number | null,
): AsyncGenerator<readonly Item[], boolean> {
  let left = limit ?? Number.POSITIVE_INFINITY;
  let after: Position | null = null;
  do {
    const page: Page<Item, Position> = await read(after, Math.min(left, PAGE));
    left -= page.items.length;
    after = page.next;
    yield page.items;
  } while (after !== null && left > 0);
  return after !== null;
}

/** The same at once. */
export async function readList<Item, Position>(
  read: (after: Position | null, limit: number) => Promise<Page<Item, Position>>,
  limit: number,
): Promise<{ readonly items: readonly Item[]; readonly isMore: boolean }> {
  const items: Item[] = [];
  const pages = readPages(read, limit);
  for (;;) {
    const { value, done } = await pages.next();
    if (done) return { items, isMore: value };
    items.push(...value);
  }
}
