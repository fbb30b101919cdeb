/** The access model on random graphs, against walks that are too plain to be wrong. */
import fc from 'fast-check';
import { expect, test } from '@jest/globals';
import { AccessMap } from './access-map.js';
import { type AccountTree, CircularTree } from './account-tree.js';

const ROLES = ['ADMIN', 'STANDARD', 'READ_ONLY', 'EMAIL_ONLY', null] as const;

test('every answer equals that of a brute-force walk over all paths', () => {
  fc.assert(
    fc.property(trees({ levels: 10, width: 3 }), (tree) => {
      const map = new AccessMap(tree);
      for (const { id } of tree.accounts) {
        const paths = map
          .pathsTo(id)
          .map((path) => [path.loginCustomerId, { role: path.role, distance: path.distance }] as const);
        expect(Object.fromEntries(paths)).toEqual(allPathsTo(tree, id));
      }
      const unreached = tree.accounts.filter(({ id }) => Object.keys(allPathsTo(tree, id)).length === 0);
      expect(map.unreached).toEqual(unreached.map(({ id }) => id));
      expect(map.unknown).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

test('one link back up is always noticed', () => {
  fc.assert(
    fc.property(trees({ levels: 6, width: 3 }), fc.nat(), (tree, at) => {
      const link = tree.links[at % Math.max(1, tree.links.length)];
      fc.pre(link !== undefined);
      const back = { manager: link.client, client: link.manager };
      expect(() => new AccessMap({ ...tree, links: [...tree.links, back] })).toThrow(CircularTree);
    }),
    { numRuns: 100 },
  );
});

test('for 5,000 accounts on 10 levels with diamonds, all answers equal walks down from each root', () => {
  const tree = largeTree(5_000, 10);
  const map = new AccessMap(tree);
  const expected = new Map<string, string[]>(tree.accounts.map(({ id }) => [id, []]));
  for (const { customer, role } of tree.direct) {
    for (const [id, distance] of reachOf(tree, customer)) {
      expected.get(id)?.push(`${customer} ${String(role)} ${distance}`);
    }
  }
  const answers = tree.accounts.map<[string, string[]]>(({ id }) => [
    id,
    map.pathsTo(id).map((path) => `${path.loginCustomerId} ${String(path.role)} ${path.distance}`),
  ]);
  for (const [id, paths] of answers) expect(paths.sort()).toEqual(expected.get(id)?.sort());
  const several = answers.filter(([, paths]) => paths.length > 1);
  expect(several.length).toBeGreaterThan(1_000);
});

/** Levels of at most `width` accounts; links go down, also past levels, so that there are many diamonds. */
function trees({ levels, width }: { levels: number; width: number }): fc.Arbitrary<AccountTree> {
  return fc.array(fc.integer({ min: 1, max: width }), { minLength: 1, maxLength: levels }).chain((sizes) => {
    const ids = sizes.flatMap((size, level) =>
      Array.from({ length: size }, (_, place) => ({ id: `${level}.${place}`, level })),
    );
    const possible = ids.flatMap((above) =>
      ids.filter((below) => below.level > above.level).map((below) => ({ above, below })),
    );
    return fc
      .record({
        // Mostly to the next level: a link past levels is the exception.
        linked: fc.tuple(
          ...possible.map(({ above, below }) =>
            below.level === above.level + 1 ? fc.boolean() : fc.nat({ max: 9 }).map((chance) => chance === 0),
          ),
        ),
        roles: fc.tuple(...ids.map(() => fc.option(fc.constantFrom(...ROLES), { nil: undefined }))),
      })
      .map(({ linked, roles }) => {
        const links = possible
          .filter((_, at) => linked[at])
          .map(({ above, below }) => ({ manager: above.id, client: below.id }));
        const direct = ids.flatMap(({ id }, at) => {
          const role = roles[at];
          return role === undefined ? [] : [{ customer: id, role }];
        });
        return treeOf(
          ids.map(({ id }) => id),
          links,
          direct,
        );
      });
  });
}

/** Every path up from the account, each walked on its own. */
function allPathsTo({ links, direct }: AccountTree, id: string) {
  const found: Record<string, { role: (typeof ROLES)[number]; distance: number }> = {};
  const climb = (at: string, distance: number): void => {
    const root = direct.find(({ customer }) => customer === at);
    if (root && distance < (found[at]?.distance ?? Infinity)) found[at] = { role: root.role, distance };
    for (const { manager, client } of links) if (client === at) climb(manager, distance + 1);
  };
  climb(id, 0);
  return found;
}

/** Level by level, looking at every link each time. */
function reachOf({ links }: AccountTree, root: string): Map<string, number> {
  const reach = new Map([[root, 0]]);
  let level = new Set([root]);
  for (let distance = 1; level.size > 0; distance++) {
    const below = new Set<string>();
    for (const { manager, client } of links) {
      if (level.has(manager) && !reach.has(client)) below.add(client);
    }
    for (const id of below) reach.set(id, distance);
    level = below;
  }
  return reach;
}

/** The same each time. Each account below the top has one to three managers on the level above. */
function largeTree(size: number, levels: number): AccountTree {
  const ids = Array.from({ length: size }, (_, at) => String(1_000_000_000 + at));
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  const perLevel = Math.floor(size / levels);
  const links = ids.slice(perLevel).flatMap((client, at) => {
    const level = Math.min(levels - 1, Math.floor(at / perLevel) + 1);
    return Array.from({ length: 1 + random(3) }, () => ({
      manager: ids[(level - 1) * perLevel + random(perLevel)] ?? '',
      client,
    }));
  });
  const direct = Array.from({ length: 60 }, () => ({
    customer: ids[random(size)] ?? '',
    role: ROLES[random(ROLES.length)] ?? null,
  }));
  const once = new Map(direct.map((each) => [each.customer, each]));
  return treeOf(ids, links, [...once.values()]);
}

function treeOf(
  ids: readonly string[],
  links: AccountTree['links'],
  direct: AccountTree['direct'],
): AccountTree {
  const accounts = ids.map((id) => ({ id, name: null, manager: false, status: null }));
  return { accounts, links, direct, gaps: [] };
}
