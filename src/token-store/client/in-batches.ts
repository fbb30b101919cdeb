/** Rows that one statement of a job may touch: they take a fraction of its timeout, on a slow disk as well. */
export const MAX_ROWS = 5000;

/**
 * Repeats a statement until it finds less than it may touch. One over all rows that are due would be cancelled and rolled back where a
 * backlog is large, and leave a larger one to the next run. Does not own which rows are due.
 * @param change touches at most MAX_ROWS @returns how many it found
 * @param shutdown what is left then is left to the next run
 */
export async function inBatches(change: () => Promise<number>, shutdown?: AbortSignal): Promise<void> {
  while ((await change()) >= MAX_ROWS && !shutdown?.aborted);
}
