import { expect, test } from '@jest/globals';
import { Secret } from '../domain/secret.js';
import { signMessage } from './send-event.js';

test('an event is signed as the test vector of the Standard Webhooks specification is', () => {
  const secret = new Secret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
  const at = new Date(1_614_265_330_000);
  expect(signMessage([secret], 'msg_p5jXN8AQM9LWM0D4loKWxJek', at, '{"test": 2432232314}')).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('an event is signed with each secret, and one signature that verifies is enough', () => {
  const [one, other] = ['A', 'B'].map((letter) => new Secret(`whsec_${letter.repeat(32)}`));
  const sign = (...secrets: (Secret | undefined)[]) =>
    signMessage(
      secrets.filter((secret) => secret !== undefined),
      'msg_1',
      new Date(0),
      '{}',
    )['webhook-signature'];
  expect(sign(one, other)).toBe(`${sign(one) ?? ''} ${sign(other) ?? ''}`);
  expect(sign(one)).not.toBe(sign(other));
});
