import { describe, expect, test } from '@jest/globals';
import { Secret } from '../secret.js';
import { rotated, signingSecrets, type WebhookSecrets } from './webhook-secrets.js';

const HOUR_MS = 3600_000;
const at = (hours: number) => new Date(hours * HOUR_MS);
const first: WebhookSecrets = { current: new Secret('a'), former: [] };
const namesAt = (secrets: WebhookSecrets, hours: number) =>
  signingSecrets(secrets, at(hours)).map((secret) => secret.reveal());

describe('a secret that was replaced', () => {
  const second = rotated(first, new Secret('b'), 24 * HOUR_MS, at(0));

  test('signs as well until its overlap ends', () => {
    expect(namesAt(second, 23)).toEqual(['b', 'a']);
    expect(namesAt(second, 24)).toEqual(['b']);
  });

  test('signs until then also where its successor is replaced meanwhile', () => {
    const third = rotated(second, new Secret('c'), 24 * HOUR_MS, at(1));
    expect(namesAt(third, 23)).toEqual(['c', 'b', 'a']);
    expect(namesAt(third, 24)).toEqual(['c', 'b']);
    expect(rotated(third, new Secret('d'), HOUR_MS, at(24)).former).toHaveLength(2);
  });

  test('signs no more where there is no overlap, and neither does one from before', () => {
    expect(namesAt(rotated(second, new Secret('c'), 0, at(1)), 1)).toEqual(['c']);
  });

  test('is one of five at most, the newest', () => {
    let secrets = first;
    for (const name of ['b', 'c', 'd', 'e', 'f', 'g'])
      secrets = rotated(secrets, new Secret(name), HOUR_MS, at(0));
    expect(namesAt(secrets, 0)).toEqual(['g', 'f', 'e', 'd', 'c', 'b']);
  });
});
