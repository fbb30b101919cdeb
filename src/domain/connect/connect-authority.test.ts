import { describe, expect, test } from '@jest/globals';
import type { Policy, Service } from '../access/policy.js';
import { assertMayRequest, authorityEnded } from './connect-authority.js';
import { ANY_CLIENT, type ConnectRequest, OPERATOR, plainConnectRequest } from './connect-request.js';

const NO_RIGHTS = { audit: false, disconnect: false, revoke: false, force: false, import: false };
const service = (changes: Partial<Policy> = {}): Service => ({
  id: 's',
  name: 'reports',
  policy: { ...NO_RIGHTS, clients: ['default'], scopes: ['a'], users: ['team-*'], ...changes },
});
const request = (changes: Partial<ConnectRequest> = {}): ConnectRequest => ({
  ...plainConnectRequest({
    serviceId: 's',
    serviceName: 'reports',
    userId: 'team-1',
    client: 'default',
    scopes: ['a'],
  }),
  ...changes,
});

describe('the authority of a connect', () => {
  test.each<[string, Partial<ConnectRequest>, Partial<Policy>]>([
    ['what the policy covers', {}, {}],
    ['fewer scopes', { scopes: [] }, {}],
    ['force with its right', { force: true }, { force: true }],
    ['the page of all clients, with one client', { purpose: 'manage', client: ANY_CLIENT, scopes: [] }, {}],
    [
      'the page of all clients, with any',
      { purpose: 'manage', client: ANY_CLIENT, scopes: [] },
      { clients: ['*'] },
    ],
  ])('covers %s', (_, asked, policy) => {
    assertMayRequest(service(policy), request(asked));
    expect(authorityEnded(request(asked), service(policy))).toBeNull();
  });

  test.each<[string, Partial<ConnectRequest>, Partial<Policy>, string]>([
    ['another user', { userId: 'boss' }, {}, 'act for the user boss'],
    ['another client', { client: 'second' }, {}, 'use the client second'],
    ['one more scope', { scopes: ['a', 'b'] }, {}, 'ask for the scope b'],
    ['force without its right', { force: true }, { revoke: true }, 'ask with force'],
    ['a connect with all clients', { client: ANY_CLIENT }, {}, 'use the client *'],
    [
      'the page of all clients, with none',
      { purpose: 'manage', client: ANY_CLIENT },
      { clients: [] },
      'use the client',
    ],
    [
      'the page of another user',
      { purpose: 'manage', client: ANY_CLIENT, userId: 'boss' },
      {},
      'act for the user boss',
    ],
  ])('does not cover %s', (_, asked, policy, why) => {
    const refused = () => {
      assertMayRequest(service(policy), request(asked));
    };
    expect(refused).toThrow(
      expect.objectContaining({ code: 'not_allowed', detail: expect.stringContaining(why) }),
    );
    expect(authorityEnded(request(asked), service(policy))).toMatchObject({
      code: 'not_allowed',
      extensions: { reason: 'policy_changed' },
    });
  });

  test('ends with the service, and names it to the user', () => {
    const ended = authorityEnded(request(), null);
    expect(ended).toMatchObject({ code: 'not_allowed', extensions: { reason: 'service_revoked' } });
    expect(ended?.detail).toContain('reports may not connect');
  });

  test('of an operator depends on no service', () => {
    expect(authorityEnded(request({ ...OPERATOR, userId: 'boss', force: true }), null)).toBeNull();
  });

  test('hides no error of another kind', () => {
    const broken = { ...service(), policy: null } as unknown as Service;
    expect(() => authorityEnded(request(), broken)).toThrow(TypeError);
  });
});
