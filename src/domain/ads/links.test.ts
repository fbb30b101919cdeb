import { describe, expect, test } from '@jest/globals';
import { CircularTree } from './account-tree.js';
import { distances, Links } from './links.js';

/** 'a>b c>b': who manages whom. */
const linksOf = (text: string) =>
  text
    .split(' ')
    .filter((link) => link !== '')
    .map((link) => {
      const [manager = '', client = ''] = link.split('>');
      return { manager, client };
    });

describe('the links of a tree', () => {
  test('lead down and up, once each, whatever their order and number', () => {
    const { clients, managers } = new Links(linksOf('b>d a>b a>c c>d a>b'));
    expect(clients).toEqual(
      new Map([
        ['b', new Set(['d'])],
        ['a', new Set(['b', 'c'])],
        ['c', new Set(['d'])],
      ]),
    );
    expect(managers).toEqual(
      new Map([
        ['d', new Set(['b', 'c'])],
        ['b', new Set(['a'])],
        ['c', new Set(['a'])],
      ]),
    );
  });

  test.each(['', 'a>b', 'a>b a>b', 'a>b b>c a>c', 'a>b c>b', 'a>b a>c b>d c>d d>e'])(
    'without a cycle are accepted, as %j',
    (links) => {
      expect(() => new Links(linksOf(links))).not.toThrow();
    },
  );

  test.each([
    ['itself', 'a>a', ['a']],
    ['two', 'a>b b>a', ['a', 'b']],
    ['three, with accounts above and below it', 'below>leaf c>below top>a a>b b>c c>a', ['a', 'b', 'c']],
    ['two of a tree with other branches', 'x>y y>z a>b b>a x>a', ['a', 'b']],
  ])('in a cycle of %s are refused with that cycle and nothing else', (_, links, cycle) => {
    const error = thrownBy(() => new Links(linksOf(links)));
    expect(error).toBeInstanceOf(CircularTree);
    const found = (error as CircularTree).cycle;
    const start = found.indexOf(cycle[0] ?? '');
    expect([...found.slice(start), ...found.slice(0, start)]).toEqual(cycle);
  });

  test('of thirty thousand managers in a row overflow no stack', () => {
    const row = Array.from({ length: 30_000 }, (_, n) => ({ manager: `${n}`, client: `${n + 1}` }));
    const { clients } = new Links(row);
    expect(distances(['0'], clients).get('30000')).toBe(30_000);
    expect(thrownBy(() => new Links([...row, { manager: '30000', client: '0' }]))).toBeInstanceOf(
      CircularTree,
    );
  });
});

describe('the distance of an account', () => {
  const { clients, managers } = new Links(linksOf('a>b b>c a>c c>d x>d'));

  test.each<[string, string[], Map<string, number>]>([
    ['goes by the shortest path', ['a'], new Map([...distancesOf('a0 b1 c1 d2')])],
    ['is from the nearest of several starts', ['a', 'x'], new Map(distancesOf('a0 x0 b1 c1 d1'))],
    ['is 0 for a start without links', ['elsewhere'], new Map([['elsewhere', 0]])],
    ['is that of no account without a start', [], new Map()],
  ])('in a tree with branches %s', (_, starts, found) => {
    expect(distances(starts, clients)).toEqual(found);
  });

  test('is measured upwards as well', () => {
    expect(distances(['d'], managers)).toEqual(new Map(distancesOf('d0 c1 x1 b2 a2')));
  });
});

/** 'a0 b1' */
function distancesOf(text: string): [string, number][] {
  return text.split(' ').map((each) => [each.slice(0, 1), Number(each.slice(1))]);
}

function thrownBy(act: () => unknown): unknown {
  try {
    act();
    return null;
  } catch (error) {
    return error;
  }
}
