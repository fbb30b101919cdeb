/**
 * Whose rows a statement is about: for each place where it names a table that can be distributed, whether its rows are those of one
 * user, by a value, so that one server is asked. It knows the SQL of the broker and of Prisma, and is no parser of all SQL:
 * what it does not understand is about no user.
 */
import {
  DISTRIBUTED_TABLES,
  DISTRIBUTION_COLUMN,
} from '../../src/token-store/distributed/distributed-tables.js';

type Node = string | Group;
/** What stands in brackets. */
interface Group {
  readonly nodes: Node[];
}
/** Whether the rows under an alias, or in a WITH, are those of one user. */
type Known = ReadonlyMap<string, boolean>;
interface Source {
  readonly table: string | null;
  readonly alias: string;
}

/** Without strings, comments and casts; identifiers without quotes. Those of Prisma have all three parts. */
const TOKEN =
  /'(?:[^']|'')*'|--[^\n]*|::\s*(?:double precision|[\w."]+)(?:\(\d+\))?(?:\[\])?|"[^"]+"|\$?\w+|<>|[<>!]=|\S/g;
const TABLE = new RegExp(String.raw`^(${DISTRIBUTED_TABLES.map(({ name }) => name).join('|')})(_\d+)?$`);
const QUERIES = ['SELECT', 'WITH', 'INSERT', 'UPDATE', 'DELETE'];
const AFTER_CONDITIONS = ['GROUP', 'ORDER', 'RETURNING', 'LIMIT', 'OFFSET', 'FOR', 'SET', 'HAVING'];
const JOINS = ['JOIN', 'LEFT', 'RIGHT', 'INNER', 'CROSS', 'FULL'];
const NO_ALIAS = [
  ...AFTER_CONDITIONS,
  ...JOINS,
  'WHERE',
  'ON',
  'USING',
  'FROM',
  'SELECT',
  'VALUES',
  'DEFAULT',
];
const VALUE = /^\$\d+$/;

/** @returns the tables, each as often as it is named without one user; null where it names none of them */
export function tablesWithoutUser(text: string): string[] | null {
  const missing: string[] = [];
  const named = (text.match(/\w+/g) ?? []).some((word) => TABLE.test(word));
  if (!named) return null;
  let count = 0;
  const found = (table: string, isKnown: boolean) => {
    count++;
    if (!isKnown) missing.push(table);
  };
  for (const part of split(grouped(text), [';'])) checkQuery(part, new Map(), found);
  return count > 0 ? missing : null;
}

function grouped(text: string): Node[] {
  const stack: Node[][] = [[]];
  for (const [token] of text.matchAll(TOKEN)) {
    if (token.startsWith('--') || token.startsWith('::')) continue;
    const level = stack.at(-1) ?? [];
    if (token === '(') {
      const group: Group = { nodes: [] };
      level.push(group);
      stack.push(group.nodes);
    } else if (token === ')') stack.pop();
    else level.push(token.startsWith('"') ? token.slice(1, -1) : token.startsWith("'") ? "''" : token);
  }
  return stack[0] ?? [];
}

type Found = (table: string, isKnown: boolean) => void;

/** @returns whether all its rows are of one user */
function checkQuery(nodes: readonly Node[], outer: Known, found: Found): boolean {
  const names = new Map(outer);
  const rest = [...nodes];
  if (is(rest[0], 'WITH')) {
    rest.shift();
    if (is(rest[0], 'RECURSIVE')) rest.shift();
    for (let isMore = true; isMore;) {
      const name = rest.shift();
      while (rest.length > 0 && !isQuery(rest[0])) rest.shift();
      if (rest.length === 0) return false;
      const { nodes: body } = rest.shift() as Group;
      if (typeof name === 'string') names.set(name, checkQuery(body, names, found));
      isMore = rest[0] === ',';
      if (isMore) rest.shift();
    }
  }
  const parts = split(rest, ['UNION', 'INTERSECT', 'EXCEPT']).map((part) =>
    is(part[0], 'ALL') ? part.slice(1) : part,
  );
  return parts.map((part) => checkPart(part, names, found)).every(Boolean);
}

function checkPart(nodes: readonly Node[], names: Known, found: Found): boolean {
  // (SELECT …) UNION (SELECT …)
  const inner = nodes.map(queryIn);
  if (inner.length > 0 && inner.every((each) => each !== null))
    return inner.map((each) => checkQuery(each, names, found)).every(Boolean);
  const known = new Map(names);
  const sources: Source[] = [];
  const conditions: Node[][] = [];
  const nested: Group[] = [];
  read(nodes, { known, names, sources, conditions, nested }, found);
  const own = new Set(sources.filter(({ table }) => table !== null).map(({ alias }) => alias));
  // One condition may lead to the next.
  for (let size = -1; size !== countOf(known);) {
    size = countOf(known);
    for (const condition of conditions) resolve(condition, known, [...own]);
  }
  for (const { nodes: inner } of nested) checkQuery(inner, known, found);
  for (const { table, alias } of sources) if (table !== null) found(table, known.get(alias) === true);
  return sources.length > 0 && sources.every(({ alias }) => known.get(alias) === true);
}

const countOf = (known: Known) => [...known.values()].filter(Boolean).length;

interface Part {
  readonly known: Map<string, boolean>;
  readonly names: Known;
  readonly sources: Source[];
  readonly conditions: Node[][];
  readonly nested: Group[];
}

/** Finds the tables, conditions and inner queries of one SELECT, INSERT, UPDATE or DELETE. */
function read(nodes: readonly Node[], part: Part, found: Found): void {
  const { known, names, sources, conditions, nested } = part;
  let clause: 'tables' | 'conditions' | null = null;
  for (let at = 0; at < nodes.length; at++) {
    const node = nodes[at] as Node;
    const before = nodes[at - 1];
    const after = nodes[at + 1];
    // JOIN … USING (user_id)
    const isShared = is(node, 'USING') && typeof after === 'object' && !isQuery(after);
    if (isShared) {
      const [left, right] = sources.slice(-2).map(({ alias }) => [alias, '.', DISTRIBUTION_COLUMN]);
      if (after.nodes.includes(DISTRIBUTION_COLUMN))
        conditions.push([...(left ?? []), '=', ...(right ?? [])]);
      continue;
    }
    const isTable =
      (is(node, 'FROM') && !is(before, 'DISTINCT')) ||
      is(node, 'JOIN') ||
      is(node, 'INTO') ||
      is(node, 'USING') ||
      (is(node, 'UPDATE') && at === 0) ||
      (node === ',' && clause === 'tables');
    if (isTable) {
      clause = is(node, 'INTO') ? null : 'tables';
      at++;
      while (is(nodes[at], 'ONLY') || is(nodes[at], 'LATERAL')) at++;
      if (nodes[at] === 'public' && nodes[at + 1] === '.') at += 2;
      const source = nodes[at];
      // FROM (a JOIN b ON …)
      if (typeof source === 'object' && !isQuery(source) && !is(source.nodes[0], 'VALUES')) {
        read(['FROM', ...source.nodes], part, found);
        continue;
      }
      const name = typeof source === 'string' ? source : '';
      const query = queryIn(source);
      const isInner = query ? checkQuery(query, known, found) : names.get(name) === true;
      // A function.
      if (typeof source === 'string' && typeof nodes[at + 1] === 'object' && !is(node, 'INTO')) at++;
      if (is(nodes[at + 1], 'WITH') && is(nodes[at + 2], 'ORDINALITY')) at += 2;
      if (is(nodes[at + 1], 'AS')) at++;
      const next = nodes[at + 1];
      const hasAlias =
        typeof next === 'string' && /^\w+$/.test(next) && !NO_ALIAS.some((word) => is(next, word));
      if (hasAlias) at++;
      const alias = hasAlias ? next : name;
      const columns = nodes[at + 1];
      const hasUser =
        typeof columns === 'object' && !isQuery(columns) && columns.nodes.includes(DISTRIBUTION_COLUMN);
      const [, table = null] = TABLE.exec(name) ?? [];
      known.set(alias, hasUser || isInner);
      sources.push({ table: isInner ? null : table, alias });
      continue;
    }
    if (isConflict(nodes, at)) {
      const target = nodes[at + 2];
      clause = null;
      if (typeof target === 'object' && !target.nodes.includes(DISTRIBUTION_COLUMN))
        for (const { alias } of sources) known.set(alias, false);
      continue;
    }
    if (is(node, 'WHERE') || (is(node, 'ON') && !is(before, 'DISTINCT'))) {
      clause = 'conditions';
      conditions.push([]);
      continue;
    }
    if (typeof node === 'string' && [...AFTER_CONDITIONS, ...JOINS].some((word) => is(node, word)))
      clause = null;
    if (clause === 'conditions') conditions.at(-1)?.push(node);
    if (is(node, 'SELECT') && at > 0) {
      // INSERT INTO … SELECT … ON CONFLICT …
      const end = nodes.findIndex((_, place) => place > at && isConflict(nodes, place));
      nested.push({ nodes: nodes.slice(at, end < 0 ? undefined : end) });
      if (end < 0) return;
      at = end - 1;
      continue;
    }
    if (typeof node === 'object') nested.push(...queriesIn(node));
  }
}

const isConflict = (nodes: readonly Node[], at: number) =>
  is(nodes[at], 'ON') && is(nodes[at + 1], 'CONFLICT');

function queriesIn(group: Group): Group[] {
  if (isQuery(group)) return [group];
  return group.nodes.flatMap((node) => (typeof node === 'object' ? queriesIn(node) : []));
}

/** Only what always holds: no part of an OR, and nothing after NOT. */
function resolve(nodes: readonly Node[], known: Map<string, boolean>, own: readonly string[]): void {
  if (nodes.some((node) => is(node, 'OR'))) return;
  for (const condition of split(nodes, ['AND'])) {
    const [group] = condition;
    if (condition.length === 1 && typeof group === 'object' && !isQuery(group))
      resolve(group.nodes, known, own);
    const equals = condition.indexOf('=');
    if (equals < 0) continue;
    const [left, right] = [condition.slice(0, equals), condition.slice(equals + 1)].map((side) =>
      sideOf(side, own),
    );
    if (left?.alias && isKnown(right, known)) known.set(left.alias, true);
    if (right?.alias && isKnown(left, known)) known.set(right.alias, true);
  }
}

interface Side {
  readonly alias?: string | undefined;
  readonly isValue?: boolean;
}

const isKnown = (side: Side | undefined, known: Known) =>
  side?.isValue === true || (side?.alias !== undefined && known.get(side.alias) === true);

/** `user_id`, `alias.user_id`, `public.table.user_id` or `$1`, each with a collation or without. */
function sideOf(whole: readonly Node[], own: readonly string[]): Side {
  const side = is(whole.at(-2), 'COLLATE') ? whole.slice(0, -2) : whole;
  const last = side.at(-1);
  if (side.length === 1 && typeof last === 'string' && VALUE.test(last)) return { isValue: true };
  if (last !== DISTRIBUTION_COLUMN) return {};
  if (side.length === 1) return own.length === 1 ? { alias: own[0] } : {};
  const alias = side.at(-3);
  return typeof alias === 'string' && side.at(-2) === '.' ? { alias } : {};
}

function split(nodes: readonly Node[], words: readonly string[]): Node[][] {
  const parts: Node[][] = [[]];
  for (const node of nodes) {
    if (words.some((word) => is(node, word))) parts.push([]);
    else parts.at(-1)?.push(node);
  }
  return parts;
}

function is(node: Node | undefined, word: string): boolean {
  return typeof node === 'string' && node.toUpperCase() === word;
}

function isQuery(node: Node | undefined): boolean {
  return queryIn(node) !== null;
}

/** What stands in brackets, if that is a SELECT, or another statement. */
function queryIn(node: Node | undefined): readonly Node[] | null {
  return typeof node === 'object' && QUERIES.some((word) => is(node.nodes[0], word)) ? node.nodes : null;
}
