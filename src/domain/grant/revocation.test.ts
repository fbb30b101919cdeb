import { expect, test } from '@jest/globals';
import { requesterOf } from './revocation.js';

test('the requester of a revocation is read as it was stored, with the ticket of a page', () => {
  const service = { actor: 'youtube', serviceId: 's', requestId: 'r' };
  expect(requesterOf(service)).toEqual({ by: service, page: {} });
  const user = { actor: 'user', serviceId: 's', requestId: 'r', ticket: 't' };
  expect(requesterOf(user)).toEqual({ by: { ...service, actor: 'user' }, page: { ticket: 't' } });
});

test.each<[unknown]>([[null], [undefined], ['text'], [[1]], [{ actor: 1, serviceId: {}, ticket: false }]])(
  'the requester of a revocation whose row says %j is unknown',
  (stored) => {
    const by = { actor: 'unknown', serviceId: null, requestId: null };
    expect(requesterOf(stored)).toEqual({ by, page: {} });
  },
);
