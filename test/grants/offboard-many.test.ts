import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Api } from '../support/api.js';
import { startTestBed, type TestBed } from '../support/test-bed.js';

/** DELETE /users/:userId for a user with more delegated credentials than one call ends. */
describe('offboarding a user with more than a thousand credentials', () => {
  let bed: TestBed;
  beforeAll(async () => {
    bed = await startTestBed();
  });
  afterAll(() => bed.stop());

  const offboard = async (api: Api) => (await api.delete('/users/alice', { mode: 'local' })).body;
  const issue = (api: Api, client: string) =>
    api.post('/services/self/credentials', { user_id: 'alice', client });

  test('ends those of the caller first of all, and is complete when none is left', async () => {
    expect((await issue(bed.api, 'default')).status).toBe(201);
    await bed.sql(`INSERT INTO delegated_credentials
      SELECT (jsonb_populate_record(one, jsonb_build_object('id', left(one.id::text, -4) || lpad(n::text, 4, '0')))).*
      FROM delegated_credentials one, generate_series(1, 1001) n ON CONFLICT DO NOTHING`);
    const narrow = await bed.service({ clients: ['elsewhere'] });
    expect((await issue(narrow, 'elsewhere')).status).toBe(201);
    expect(await offboard(narrow)).toMatchObject({ credentials_revoked: 1, complete: true });
    expect(await offboard(bed.api)).toMatchObject({ credentials_revoked: 1000, complete: false });
    expect(await offboard(bed.api)).toMatchObject({ complete: true });
    const left = await bed.sql('SELECT 1 FROM delegated_credentials WHERE revoked_at IS NULL');
    expect(left).toEqual([]);
  });
});
