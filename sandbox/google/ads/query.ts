/**
 * A little of the Google Ads Query Language: SELECT, FROM, WHERE with comparisons, LIMIT.
 * https://developers.google.com/google-ads/api/docs/query/grammar
 */
import { refuseAdsQuery } from './refusals.js';

type Value = string | number | boolean;

/** A row by its fields' names in queries, such as customer_client.id. */
export type Row = Record<string, Value>;

export interface Query {
  fields: string[];
  resource: string;
  conditions: { field: string; operator: string; value: string }[];
  limit: number;
}

const grammar =
  /^\s*SELECT\s+(.+?)\s+FROM\s+(\w+)(?:\s+WHERE\s+(.+?))?(?:\s+ORDER\s+BY\s+.+?)?(?:\s+LIMIT\s+(\d+))?(?:\s+PARAMETERS\s+.+)?\s*$/is;
const comparison = /^\s*([\w.]+)\s*(=|!=|<=|>=|<|>|\bDURING\b)\s*(?:'([^']*)'|"([^"]*)"|([\w.-]+))\s*$/i;

export function parseQuery(text: unknown): Query {
  const [, fields, resource, where, limit] = (typeof text === 'string' && grammar.exec(text)) || [];
  if (fields === undefined || resource === undefined) {
    throw refuseAdsQuery('UNEXPECTED_INPUT', 'Error in query: unexpected input.');
  }
  return {
    fields: fields.split(',').map((field) => field.trim()),
    resource,
    conditions: (where?.split(/\s+AND\s+/i) ?? []).map((text) => {
      const [, field, operator, single, double, bare] = comparison.exec(text) ?? [];
      if (field === undefined || operator === undefined) {
        throw refuseAdsQuery('BAD_OPERATOR', `Error in WHERE clause: cannot read '${text}'.`);
      }
      return { field, operator: operator.toUpperCase(), value: single ?? double ?? bare ?? '' };
    }),
    limit: limit === undefined ? Infinity : Number(limit),
  };
}

/** The rows that match the query. Every range of dates matches: the numbers here have no dates. */
export function select(rows: Row[], { conditions, limit }: Query): Row[] {
  return rows
    .filter((row) =>
      conditions.every(({ field, operator, value }) => {
        if (field === 'segments.date') return true;
        const actual = row[field];
        const order =
          typeof actual === 'number' ? actual - Number(value) : String(actual).localeCompare(value);
        switch (operator) {
          case '=':
            return order === 0;
          case '!=':
            return order !== 0;
          case '<':
            return order < 0;
          case '<=':
            return order <= 0;
          case '>':
            return order > 0;
          case '>=':
            return order >= 0;
          default:
            return false;
        }
      }),
    )
    .slice(0, limit);
}

/** The REST representation: {"customerClient": {"id": "123"}}; 64-bit numbers are strings. */
export function toJson(row: Row, fields: string[]): object {
  const json: Record<string, Record<string, Value>> = {};
  for (const name of fields) {
    const [resource = '', field = ''] = name.split('.').map(camelCase);
    const value = row[name] ?? '';
    (json[resource] ??= {})[field] = typeof value === 'number' ? String(value) : value;
  }
  return json;
}

const camelCase = (name: string) => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
