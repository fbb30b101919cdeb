/**
 * Tests that `npm test` leaves to `npm run test:all`, in a file of which it runs others: the rest of a long table, rare options, each
 * refusal of a kind. Whole files are in exhaustive.mjs. A file that is run by itself runs all.
 */
import { describe, test } from '@jest/globals';

const isLeftOut = process.env['TEST_MAIN_FLOWS_ONLY'] === 'true';

export const exhaustive = {
  describe: isLeftOut ? describe.skip : describe,
  test: isLeftOut ? test.skip : test,
};

/** In `npm test` so many rows of a table whose rows are alike, from its beginning to its end. */
export function fewOf<T extends readonly [unknown, ...unknown[]]>(
  rows: readonly T[],
  count?: number,
): readonly T[];
export function fewOf<T>(rows: readonly T[], count?: number): readonly T[];
export function fewOf<T>(rows: readonly T[], count = 2): readonly T[] {
  const step = rows.length / count;
  return isLeftOut ? rows.filter((_, index) => index % step < 1) : rows;
}
