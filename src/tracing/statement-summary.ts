import { LRUCache } from 'lru-cache';

const MAX_TEXTS = 500;
/** Without the number of a part of a distributed table. Not the UPDATE of `FOR UPDATE`, `FOR NO KEY UPDATE` and `ON CONFLICT DO UPDATE`. */
const WRITE =
  /(?<!\b(?:FOR|KEY|DO)\s+)\b(INSERT INTO|UPDATE|DELETE FROM)\s+(?:"?public"?\.)?"?(\w+?)(?:_\d{6,})?\b/i;
/** Not the FROM of `extract(epoch FROM expires_at)`. */
const READ = /(?<!\bextract\s*\(\s*\w+\s+)\bFROM\s+(?:"?public"?\.)?"?(\w+?)(?:_\d{6,})?\b/i;
const STRING = /'(?:[^']|'')*'/g;
const FIRST_WORD = /^\s*(\w+)/;

const summaries = new LRUCache<string, string>({ max: MAX_TEXTS });

/**
 * What a statement does, and to which table: `UPDATE grants`. No value can be in it, although one that was written into the
 * text may be in the text. https://opentelemetry.io/docs/specs/semconv/database/database-spans/#generating-a-summary-of-the-query
 */
export function summaryOf(text: string): string {
  let summary = summaries.get(text);
  if (summary === undefined) {
    summary = summarize(text.replaceAll(STRING, "''"));
    summaries.set(text, summary);
  }
  return summary;
}

function summarize(text: string): string {
  const [, write, written] = WRITE.exec(text) ?? [];
  if (write !== undefined) return `${(write.split(' ', 1)[0] ?? '').toUpperCase()} ${written ?? ''}`;
  const [, first = ''] = FIRST_WORD.exec(text) ?? [];
  const operation = /^with$/i.test(first) ? 'SELECT' : first.toUpperCase();
  const [, table] = READ.exec(text) ?? [];
  return operation === 'SELECT' && table !== undefined ? `SELECT ${table}` : operation;
}
