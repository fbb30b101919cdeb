import { expect, test } from '@jest/globals';
import { consoleRoleOf } from './console-role.js';

const people = (isGoogle: boolean) => ({
  operators: ['Ops@example.com', '@ops.example'],
  viewers: ['@Example.com', 'guest@elsewhere.example', 'ops@example.com'],
  isGoogle,
});

test.each([
  ['ops@example.com', 'operator'],
  ['OPS@EXAMPLE.COM', 'operator'],
  ['anyone@ops.example', 'operator'],
  ['anyone@example.com', 'viewer'],
  ['"a@elsewhere.example"@example.com', 'viewer'],
  ['guest@elsewhere.example', 'viewer'],
  ['other@elsewhere.example', null],
  ['a@sub.example.com', null],
  ['a@notexample.com', null],
  ['ops@example.com@elsewhere.example', null],
  ['@', null],
  ['', null],
])('%j at an issuer without hosted domains is %p', (email, role) => {
  expect(consoleRoleOf({ email, hostedDomain: null }, people(false))).toBe(role);
});

test.each([
  // An address at a domain is no proof of its Workspace.
  ['anyone@example.com', null, null],
  ['anyone@example.com', 'elsewhere.example', null],
  ['anyone@elsewhere.example', 'example.com', 'viewer'],
  ['anyone@example.com', 'EXAMPLE.com', 'viewer'],
  ['anyone@example.com', 'ops.example', 'operator'],
  ['ops@example.com', null, 'operator'],
  ['anyone@example.com', '', null],
])('%s of the Workspace %p at Google is %p', (email, hostedDomain, role) => {
  expect(consoleRoleOf({ email, hostedDomain }, people(true))).toBe(role);
});
