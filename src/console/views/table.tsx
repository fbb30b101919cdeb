import type { ComponentChildren } from 'preact';

interface Column<Row> {
  readonly name: string;
  /** Aligned to the right. */
  readonly isNumber?: boolean;
  readonly cell: (row: Row) => ComponentChildren;
}

interface TableProps<Row> {
  /** What the table lists: read aloud, and shown by the card around it. */
  readonly caption: string;
  /** The first names its row. */
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** Shown in the place of a table without rows. */
  readonly empty: string;
}

/** A table that scrolls sideways where the screen is narrow; by keyboard, too. */
export function Table<Row>({ caption, columns, rows, empty }: TableProps<Row>) {
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  return (
    <div class="scroll" role="region" aria-label={caption} tabindex={0}>
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ name, isNumber }) => (
              <th scope="col" class={isNumber ? 'number' : undefined}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr>
              {columns.map(({ cell, isNumber }, at) =>
                at === 0 ? (
                  <th scope="row" dir="auto">
                    {cell(row)}
                  </th>
                ) : (
                  <td class={isNumber ? 'number' : undefined}>{cell(row)}</td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The next page of a list, by its cursor. */
export function Pager({ next }: { readonly next: string | null }) {
  if (next === null) return null;
  return (
    <nav class="pager" aria-label="Pages">
      <a class="button" href={next} rel="next">
        Next page
      </a>
    </nav>
  );
}
