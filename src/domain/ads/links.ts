import { CircularTree, type ManagerLink } from './account-tree.js';

export type Neighbours = ReadonlyMap<string, ReadonlySet<string>>;

/** The links of a tree, in both directions. */
export class Links {
  readonly clients: Neighbours;
  readonly managers: Neighbours;

  /** @throws {CircularTree} */
  constructor(links: readonly ManagerLink[]) {
    const { clients, managers } = neighboursOf(links);
    this.clients = clients;
    this.managers = managers;
    assertNoCycle(this);
  }
}

/** Also of links that are in a circle. */
export function neighboursOf(links: readonly ManagerLink[]): {
  readonly clients: Neighbours;
  readonly managers: Neighbours;
} {
  const clients = new Map<string, Set<string>>();
  const managers = new Map<string, Set<string>>();
  for (const { manager, client } of links) {
    put(clients, manager, client);
    put(managers, client, manager);
  }
  return { clients, managers };
}

/**
 * How far each account is from the nearest start, breadth first: each account is visited once, whatever the number of
 * paths that lead to it.
 */
export function distances(starts: Iterable<string>, next: Neighbours): Map<string, number> {
  const found = new Map<string, number>();
  for (const start of starts) found.set(start, 0);
  // Iterating over a Map includes what is added meanwhile: it is its own queue.
  for (const [id, distance] of found) {
    for (const neighbour of next.get(id) ?? []) {
      if (!found.has(neighbour)) found.set(neighbour, distance + 1);
    }
  }
  return found;
}

/** Takes away accounts without managers until none is left (Kahn); what stays is on or below a cycle. */
function assertNoCycle({ clients, managers }: Links): void {
  const open = new Map([...managers].map(([client, above]) => [client, above.size]));
  const free = [...clients.keys()].filter((id) => !open.has(id));
  for (let id = free.pop(); id !== undefined; id = free.pop()) {
    for (const client of clients.get(id) ?? []) {
      const left = (open.get(client) ?? 0) - 1;
      if (left > 0) open.set(client, left);
      else {
        open.delete(client);
        free.push(client);
      }
    }
  }
  const [stuck] = open.keys();
  if (stuck !== undefined) throw new CircularTree(cycleAbove(stuck, managers, open));
}

/** Each account that is stuck has a manager that is stuck too: going up must come around. */
function cycleAbove(start: string, managers: Neighbours, stuck: ReadonlyMap<string, number>): string[] {
  const path: string[] = [];
  const seen = new Set<string>();
  let id = start;
  while (!seen.has(id)) {
    seen.add(id);
    path.push(id);
    id = [...(managers.get(id) ?? [])].find((manager) => stuck.has(manager)) ?? id;
  }
  return path.slice(path.indexOf(id)).reverse();
}

function put(map: Map<string, Set<string>>, key: string, value: string): void {
  const known = map.get(key);
  if (known) known.add(value);
  else map.set(key, new Set([value]));
}
