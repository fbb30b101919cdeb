import { describe, expect, test } from '@jest/globals';
import { customerIdOf, isAccountTree } from './account-tree.js';

test.each([
  ['1234567890', '1234567890'],
  ['123-456-7890', '1234567890'],
  ['customers/1234567890', '1234567890'],
  ['1', '1'],
  ['9'.repeat(19), '9'.repeat(19)],
  ['9'.repeat(20), null],
  ['', null],
  ['customers/', null],
  ['customers/customers/1', null],
  ['12-3456-7890', null],
  ['123-456-789', null],
  ['1234567890\n', null],
  ['１２３', null],
  ['-1', null],
  ['1e3', null],
])('the customer id %j is read as %p', (text, id) => {
  expect(customerIdOf(text)).toBe(id);
});

describe('a stored value', () => {
  const EMPTY = { accounts: [], links: [], direct: [], gaps: [] };

  test.each<object>([
    EMPTY,
    { ...EMPTY, accounts: [{ id: '1', name: null, manager: true, status: 'ENABLED' }] },
    { ...EMPTY, links: [{ manager: '1', client: '2' }] },
    {
      ...EMPTY,
      direct: [
        { customer: '1', role: null },
        { customer: '2', role: 'READ_ONLY' },
      ],
    },
    {
      ...EMPTY,
      gaps: [
        { customer: '1', why: 'closed' },
        { customer: '2', why: 'blocked', cause: 'INCOMPLETE_SIGNUP' },
      ],
    },
  ])('is a tree as %j', (value) => {
    expect(isAccountTree(value)).toBe(true);
  });

  test.each<unknown>([
    null,
    undefined,
    7,
    'tree',
    [],
    {},
    { ...EMPTY, gaps: undefined },
    { ...EMPTY, accounts: {} },
    { ...EMPTY, accounts: [null] },
    { ...EMPTY, accounts: [{ id: 1 }] },
    { ...EMPTY, accounts: [{ id: '123-456-7890' }] },
    { ...EMPTY, accounts: [{ id: '1\r\nx: y' }] },
    { ...EMPTY, links: [{ manager: '1' }] },
    { ...EMPTY, links: [{ client: '1', manager: '' }] },
    { ...EMPTY, direct: [{ customer: '1' }] },
    { ...EMPTY, direct: [{ customer: '1', role: 'OWNER' }] },
    { ...EMPTY, gaps: [{ customer: '1', why: 'closed', cause: 'call 0800' }] },
    { ...EMPTY, gaps: [{ customer: '1', why: 'closed', cause: null }] },
  ])('is no tree as %j', (value) => {
    expect(isAccountTree(value)).toBe(false);
  });
});
