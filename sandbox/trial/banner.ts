/** What the terminal shows when the trial mode is ready: addresses and paths, never a secret. */
export interface Part {
  readonly name: string;
  readonly place: string;
  /** Whether it was filled in, and how to configure another. */
  readonly note: string;
}

export function banner(openUrl: string, parts: readonly Part[], dataFolder: string): string {
  const columns = (['name', 'place'] as const).map((column) =>
    Math.max(...parts.map((part) => part[column].length)),
  );
  const rows = parts.map(
    ({ name, place, note }) => `  ${name.padEnd(columns[0] ?? 0)}  ${place.padEnd(columns[1] ?? 0)}  ${note}`,
  );
  return [
    '',
    'The token broker runs in trial mode: what is not configured is filled in. Not for production.',
    '',
    ...rows,
    '',
    `  Open ${openUrl} next.`,
    `  Stop with Ctrl-C. All data stays in ${dataFolder}.`,
    '',
    '',
  ].join('\n');
}
