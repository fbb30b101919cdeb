import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from './support/test-bed.js';

describe('connect a Google account, then ask for its token', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed();
  });
  afterAll(() => bed.stop());

  test('a user consents, and a service gets a bearer token that YouTube Analytics accepts', async () => {
    const page = await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
    expect(page.status).toBe(200);
    expect(page.text).toContain('Connected');
    expect(page.text).toContain(ALICE.email);

    const token = await bed.api.token('alice', { scope: YOUTUBE });
    expect(token.status).toBe(200);
    expect(token.headers.get('cache-control')).toBe('no-store');
    expect(token.body).toEqual({
      access_token: expect.stringMatching(/^ya29\./),
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      scope: `https://www.googleapis.com/auth/userinfo.email ${YOUTUBE} openid`,
      account: { sub: ALICE.sub, email: ALICE.email },
      client: 'default',
    });
    expect(token.body['expires_in']).toBeGreaterThan(3500);

    const report = await fetch(
      `${bed.google.url}/v2/reports?ids=channel==MINE&startDate=2026-01-01&endDate=2026-01-31&metrics=views`,
      { headers: { authorization: `Bearer ${String(token.body['access_token'])}` } },
    );
    expect(report.status).toBe(200);
  });
});
