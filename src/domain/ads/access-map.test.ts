import { describe, expect, test } from '@jest/globals';
import { AccessMap, judgeAccess } from './access-map.js';
import type { AccessRole } from './access-role.js';
import { type AccountTree, CircularTree, customerIdOf } from './account-tree.js';

type Linked = Record<string, string[]>;

function treeOf(linked: Linked, direct: Record<string, AccessRole | null>): AccountTree {
  const links = Object.entries(linked).flatMap(([manager, clients]) =>
    clients.map((client) => ({ manager, client })),
  );
  const ids = new Set([...links.flatMap(({ manager, client }) => [manager, client]), ...Object.keys(direct)]);
  return {
    accounts: [...ids].map((id) => ({ id, name: null, manager: id in linked, status: null })),
    links,
    direct: Object.entries(direct).map(([customer, role]) => ({ customer, role })),
    gaps: [],
  };
}

/** The guide's example: M1 manages M2; M2 manages A1, A2, A3; M3 manages A1, A4. */
const GUIDE: Linked = { M1: ['M2'], M2: ['A1', 'A2', 'A3'], M3: ['A1', 'A4'] };
const guide = (direct: Record<string, AccessRole | null>) => new AccessMap(treeOf(GUIDE, direct));
const ALL = ['M1', 'M2', 'M3', 'A1', 'A2', 'A3', 'A4'];

/** What can be called with this header, and as what. */
const through = (map: AccessMap, loginCustomerId: string) =>
  Object.fromEntries(
    ALL.flatMap((id) => {
      const path = map.pathsTo(id).find((each) => each.loginCustomerId === loginCustomerId);
      return path ? [[id, path.role]] : [];
    }),
  );

describe("the guide's example", () => {
  const DIRECT: Record<string, Record<string, AccessRole>> = {
    U1: { M1: 'STANDARD' },
    SA1: { M1: 'STANDARD' },
    U2: { M2: 'STANDARD', M3: 'READ_ONLY' },
    U3: { A4: 'STANDARD' },
  };

  test.each([
    ['U1', 'M1', ['M1', 'M2', 'A1', 'A2', 'A3']],
    ['SA1', 'M1', ['M1', 'M2', 'A1', 'A2', 'A3']],
    ['U2', 'M2', ['M2', 'A1', 'A2', 'A3']],
    ['U2', 'M3', ['M3', 'A1', 'A4']],
    ['U3', 'A4', ['A4']],
  ])('%s with login-customer-id %s may call %j', (user, login, callable) => {
    expect(Object.keys(through(guide(DIRECT[user] ?? {}), login))).toEqual(callable);
  });

  test.each([
    ['SA1', 'M1', 'STANDARD', ['M1', 'M2', 'A1', 'A2', 'A3']],
    ['U2', 'M2', 'STANDARD', ['M2', 'A1', 'A2', 'A3']],
    ['U2', 'M3', 'READ_ONLY', ['M3', 'A1', 'A4']],
  ])('%s with login-customer-id %s is %s on %j', (user, login, role, accounts) => {
    const expected = Object.fromEntries(accounts.map((id) => [id, role]));
    expect(through(guide(DIRECT[user] ?? {}), login)).toEqual(expected);
  });

  test('needs no header for direct access, and for nothing else', () => {
    expect(guide({ A4: 'STANDARD' }).pathsTo('A4')).toEqual([
      { loginCustomerId: 'A4', role: 'STANDARD', distance: 0, headerNeeded: false },
    ]);
    expect(guide({ M3: 'STANDARD' }).pathsTo('A4')).toEqual([
      { loginCustomerId: 'M3', role: 'STANDARD', distance: 1, headerNeeded: true },
    ]);
  });
});

describe('the access paths of an account', () => {
  const order = (direct: Record<string, AccessRole | null>, id = 'A1') =>
    guide(direct)
      .pathsTo(id)
      .map(({ loginCustomerId, role }) => `${loginCustomerId} ${String(role)}`);

  test('begin with the most powerful role, then with the shortest path', () => {
    expect(order({ M1: 'ADMIN', M3: 'READ_ONLY', A1: 'STANDARD' })).toEqual([
      'M1 ADMIN',
      'A1 STANDARD',
      'M3 READ_ONLY',
    ]);
    expect(order({ M1: 'STANDARD', M2: 'STANDARD', A1: 'STANDARD' })).toEqual([
      'A1 STANDARD',
      'M2 STANDARD',
      'M1 STANDARD',
    ]);
  });

  test('put an unknown role after those that can read, and before the one that cannot', () => {
    expect(order({ M1: null, M2: 'EMAIL_ONLY', M3: 'READ_ONLY' })).toEqual([
      'M3 READ_ONLY',
      'M1 null',
      'M2 EMAIL_ONLY',
    ]);
  });

  test('keep the shorter of two paths from one root', () => {
    const diamond = new AccessMap(treeOf({ A: ['B', 'C'], B: ['D'], C: ['E'], D: ['E'] }, { A: 'ADMIN' }));
    expect(diamond.pathsTo('E')).toMatchObject([{ loginCustomerId: 'A', distance: 2 }]);
  });
});

describe('min_role', () => {
  const judged = (direct: Record<string, AccessRole | null>, minRole: AccessRole | null) => {
    const judgement = judgeAccess(guide(direct).pathsTo('A1'), minRole);
    return 'path' in judgement ? judgement.path.loginCustomerId : judgement;
  };

  test('chooses the first path that is enough', () => {
    expect(judged({ M2: 'STANDARD', M3: 'READ_ONLY' }, 'STANDARD')).toBe('M2');
    expect(judged({ M2: null, M3: 'READ_ONLY' }, 'READ_ONLY')).toBe('M3');
    expect(judged({ M2: null }, null)).toBe('M2');
  });

  test('says why no path is enough', () => {
    expect(judged({}, null)).toEqual({ refused: 'no_access_path', bestRole: null });
    expect(judged({ M3: 'READ_ONLY' }, 'STANDARD')).toEqual({
      refused: 'role_too_low',
      bestRole: 'READ_ONLY',
    });
    expect(judged({ M2: null }, 'READ_ONLY')).toEqual({ refused: 'role_unknown', bestRole: null });
    expect(judged({ M2: null, M3: 'READ_ONLY' }, 'ADMIN')).toEqual({
      refused: 'role_unknown',
      bestRole: 'READ_ONLY',
    });
    expect(judged({ M2: 'EMAIL_ONLY' }, null)).toEqual({ refused: 'role_too_low', bestRole: 'EMAIL_ONLY' });
  });

  test('names all alternatives that would do as well', () => {
    const paths = guide({ M1: 'STANDARD', M2: 'ADMIN', M3: 'READ_ONLY' }).pathsTo('A1');
    expect(judgeAccess(paths, 'STANDARD')).toMatchObject({
      path: { loginCustomerId: 'M2' },
      alternatives: [{ loginCustomerId: 'M1' }],
    });
  });
});

describe('max_role', () => {
  const judged = (direct: Record<string, AccessRole | null>, min: AccessRole | null, max: AccessRole) => {
    const judgement = judgeAccess(guide(direct).pathsTo('A1'), min, max);
    return 'path' in judgement ? judgement.path.loginCustomerId : judgement.refused;
  };

  test.each([
    [{ M2: 'STANDARD', M3: 'READ_ONLY' }, null, 'READ_ONLY', 'M3'],
    [{ M2: 'STANDARD', M3: 'READ_ONLY' }, null, 'STANDARD', 'M2'],
    [{ M2: 'ADMIN', M3: 'READ_ONLY' }, 'STANDARD', 'STANDARD', 'role_too_high'],
    [{ M2: 'STANDARD' }, null, 'READ_ONLY', 'role_too_high'],
    [{ M3: 'READ_ONLY' }, 'STANDARD', 'STANDARD', 'role_too_low'],
    [{ M2: 'ADMIN', M3: null }, null, 'READ_ONLY', 'role_unknown'],
    [{ M2: 'EMAIL_ONLY' }, null, 'ADMIN', 'role_too_low'],
    [{}, null, 'ADMIN', 'no_access_path'],
  ] as const)('with %j, a minimum of %p and a maximum of %s chooses %s', (direct, min, max, expected) => {
    expect(judged(direct, min, max)).toBe(expected);
  });
});

describe('a tree with a fault', () => {
  const cycle = (linked: Linked) => {
    try {
      new AccessMap(treeOf(linked, {}));
      return null;
    } catch (error) {
      return error instanceof CircularTree ? error.cycle : null;
    }
  };

  test.each([
    [{ A: ['A'] }, ['A']],
    [{ A: ['B'], B: ['A'] }, ['A', 'B']],
    [{ R: ['A'], A: ['B'], B: ['C', 'L'], C: ['A'], L: ['Z'] }, ['A', 'B', 'C']],
  ])('is refused for the cycle in %j, which is named', (linked, expected) => {
    expect([...(cycle(linked as Linked) ?? [])].sort()).toEqual(expected);
  });

  test('has a named cycle, in which each account manages the next', () => {
    expect(cycle({ A: ['B'], B: ['C'], C: ['D'], D: ['B'] })?.join('')).toMatch(/^(BCD|CDB|DBC)$/);
  });

  test('has its orphans reported', () => {
    const { accounts, ...rest } = treeOf({ M: ['A'], N: ['B'] }, { M: 'ADMIN', X: null });
    const tree: AccountTree = { ...rest, accounts: accounts.filter(({ id }) => id !== 'A' && id !== 'X') };
    const map = new AccessMap(tree);
    expect(map.unreached).toEqual(['N', 'B']);
    expect(map.unknown.toSorted()).toEqual(['A', 'X']);
    expect(map.pathsTo('B')).toEqual([]);
    expect(map.pathsTo('0000000000')).toEqual([]);
  });
});

test.each([
  ['1234567890', '1234567890'],
  ['123-456-7890', '1234567890'],
  ['customers/1234567890', '1234567890'],
  ['123-4567890', null],
  ['customers/', null],
  ['12a', null],
])('the customer id is read from %s as %s', (text, id) => {
  expect(customerIdOf(text)).toBe(id);
});
