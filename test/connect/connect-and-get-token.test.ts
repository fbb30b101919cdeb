import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ALICE, startTestBed, type TestBed, YOUTUBE } from '../support/test-bed.js';

describe('connecting a Google account and getting its token', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed();
  });
  afterAll(() => bed.stop());

  test('lets a user consent, and gives a service a bearer token that YouTube Analytics accepts', async () => {
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
      token_id: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect(token.body['expires_in']).toBeGreaterThan(3500);

    const report = await fetch(
      `${bed.google.url}/v2/reports?ids=channel==MINE&startDate=2026-01-01&endDate=2026-01-31&metrics=views`,
      { headers: { authorization: `Bearer ${String(token.body['access_token'])}` } },
    );
    expect(report.status).toBe(200);
  });
});
