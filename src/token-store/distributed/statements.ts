/**
 * Cuts a migration into its statements: a cluster takes a change of a distributed table and what builds on it one after the other, each
 * committed by all servers. Knows quotes, dollar quotes and comments, and nothing else of SQL.
 */

/** What ends a part in which a semicolon ends nothing. */
const OPENINGS = /'|"|--|\/\*|\$[A-Za-z_0-9]*\$|;/g;

/** @returns the statements without the semicolons between them, and without what is only a comment */
export function statementsOf(script: string): string[] {
  const statements: string[] = [];
  let start = 0;
  let at = 0;
  for (;;) {
    OPENINGS.lastIndex = at;
    const found = OPENINGS.exec(script);
    if (!found) break;
    const [opening] = found;
    const inside = found.index + opening.length;
    if (opening === ';') {
      statements.push(script.slice(start, found.index));
      start = at = inside;
      continue;
    }
    const closing = opening === '--' ? '\n' : opening === '/*' ? '*/' : opening;
    const end = script.indexOf(closing, inside);
    at = end < 0 ? script.length : end + closing.length;
  }
  statements.push(script.slice(start));
  return statements.filter((statement) => withoutComments(statement) !== '').map((each) => each.trim());
}

/** Whether it builds an index beside other work: CREATE INDEX CONCURRENTLY waits without blocking other sessions, and in no transaction. */
export function isConcurrent(script: string): boolean {
  return /\bCONCURRENTLY\b/i.test(withoutComments(script));
}

function withoutComments(statement: string): string {
  return statement.replaceAll(/--.*$|\/\*[^]*?\*\//gm, '').trim();
}
