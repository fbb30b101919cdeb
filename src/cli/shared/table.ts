/** Tables that fit the terminal. Owns which cells are cut and which columns are left out; not what is in them. */

export interface TextColumn {
  readonly heading: string;
  /** Whether its cells may be cut where the table is too wide. An id or another value to be copied may not. */
  readonly cut?: true;
  /** Left out where the table is still too wide, the last such column first. */
  readonly optional?: true;
}

/** Where the width is not known, such as in a pipe. */
const USUAL_COLUMNS = 80;
const GAP = 2;
/** Cells are cut to this at first, then columns are left out, then cells are cut to the second. */
const FLOORS = [14, 8];

/** `--wide` or the terminal: how long a line may be. COLUMNS, which a shell can pass on, counts where there is no terminal. */
export function widthOf({ wide = false }: { readonly wide?: boolean }): number {
  if (wide) return Number.POSITIVE_INFINITY;
  const { isTTY, columns } = process.stdout;
  const given = Number(process.env['COLUMNS']);
  if (isTTY && columns > 0) return columns;
  return Number.isInteger(given) && given > 0 ? given : USUAL_COLUMNS;
}

/** Columns under upper-case headings, as the width allows. */
export function table(
  columns: readonly TextColumn[],
  rows: readonly (readonly string[])[],
  width: number,
): string {
  // A row of the database can have been changed by others: a line break would make two rows of it.
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll(/\p{Cc}/gu, '\ufffd')));
  const lines = [columns.map(({ heading }) => heading), ...cells];
  const natural = columns.map((_, column) =>
    lines.reduce((most, line) => Math.max(most, lengthOf(line[column] ?? '')), 0),
  );
  const widths = fit(columns, natural, width);
  return lines
    .map((line) =>
      line
        .flatMap((cell, column) => {
          const size = widths[column];
          return size === undefined || size === null ? [] : [padded(cut(cell, size), size)];
        })
        .join(' '.repeat(GAP))
        .trimEnd(),
    )
    .join('\n');
}

/** @returns the width of each column; null for one that is left out */
function fit(columns: readonly TextColumn[], natural: readonly number[], width: number): (number | null)[] {
  const widths: (number | null)[] = [...natural];
  const total = () => {
    const shown = widths.filter((size) => size !== null);
    return shown.reduce((sum, size) => sum + size, 0) + GAP * (shown.length - 1);
  };
  for (const floor of FLOORS) {
    shrink(columns, widths, floor, () => total() - width);
    for (let last = columns.length - 1; last >= 0 && total() > width; last--) {
      if (columns[last]?.optional) widths[last] = null;
    }
  }
  // What was cut for a column that is left out now may be shown again.
  for (let free = width - total(); free > 0; free--) {
    const next = widths.findIndex((size, column) => size !== null && size < (natural[column] ?? 0));
    if (next < 0) break;
    widths[next] = (widths[next] ?? 0) + 1;
  }
  return widths;
}

/** Takes from the widest column until nothing is too much, or all are down to the floor. */
function shrink(
  columns: readonly TextColumn[],
  widths: (number | null)[],
  floor: number,
  excess: () => number,
): void {
  while (excess() > 0) {
    let widest = -1;
    for (const [column, size] of widths.entries()) {
      const least = Math.max(floor, lengthOf(columns[column]?.heading ?? ''));
      if (size === null || !columns[column]?.cut || size <= least) continue;
      if (widest < 0 || size > (widths[widest] ?? 0)) widest = column;
    }
    if (widest < 0) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}

function cut(cell: string, size: number): string {
  if (lengthOf(cell) <= size) return cell;
  return `${Array.from(cell)
    .slice(0, size - 1)
    .join('')}…`;
}

function padded(cell: string, size: number): string {
  return cell + ' '.repeat(Math.max(0, size - lengthOf(cell)));
}

function lengthOf(cell: string): number {
  return Array.from(cell).length;
}

/** Lines of words, none longer than the width unless a word is. @param indent of every line but the first */
export function wrapped(text: string, width: number, indent = ''): string {
  const lines: string[] = [];
  for (const word of text.replaceAll(/\p{Cc}/gu, ' ').split(/ +/)) {
    const last = lines.at(-1);
    if (last !== undefined && lengthOf(last) + 1 + lengthOf(word) <= width - indent.length) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines.join(`\n${indent}`);
}
