import type { ComponentChildren } from 'preact';

interface Column<Row> {
  readonly name: string;
  /** Aligned to the right. */
  readonly isNumber?: boolean;
  /** Holds running text. */
  readonly isWide?: boolean;
  readonly cell: (row: Row) => ComponentChildren;
}

interface TableProps<Row> {
  /** What the table lists: read aloud, and shown by the card around it. */
  readonly caption: string;
  /** The first names its row. */
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** Shown in the place of a table without rows. */
  readonly empty: ComponentChildren;
  /** Figures that are compared by column stay a table on every screen. */
  readonly staysTable?: true;
}

/** Tables with more columns are shown as cards, one a row, where the screen is narrow. */
const MAX_COLUMNS = 2;

/**
 * A table that scrolls sideways where the screen is too narrow for it; by keyboard, too. Its roles are named: as cards it is no
 * table for the stylesheet, and some browsers would read none.
 */
export function Table<Row>({ caption, columns, rows, empty, staysTable }: TableProps<Row>) {
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  return (
    <div
      class={columns.length > MAX_COLUMNS && !staysTable ? 'scroll cards' : 'scroll'}
      role="region"
      aria-label={caption}
      tabindex={0}
    >
      <table role="table">
        <caption class="hidden">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ name, isNumber }) => (
              <th scope="col" role="columnheader" class={isNumber ? 'number' : undefined}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr role="row">
              {columns.map(({ name, cell, isNumber, isWide }, at) =>
                at === 0 ? (
                  <th scope="row" role="rowheader" dir="auto">
                    {cell(row)}
                  </th>
                ) : (
                  <td
                    role="cell"
                    class={isNumber ? 'number' : isWide ? 'wide' : undefined}
                    data-column={name}
                  >
                    <div>{cell(row)}</div>
                  </td>
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
