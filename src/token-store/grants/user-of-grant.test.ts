import { describe, expect, test } from '@jest/globals';
import { userOfGrant } from './user-of-grant.js';

const FAULT = new Error('connection to the remote node failed');

/** Servers by their port: what each answers, or null where it is away. */
function cluster(
  servers: Readonly<Record<number, string | null | Promise<never>>>,
  shards = { shards: 1, allShards: Object.keys(servers).length },
) {
  return {
    aboutServer: <Result>(_server: string, work: () => Promise<Result>) => work(),
    unprepared: async <Row extends object>(_text: string, [, port]: readonly unknown[] = []) => {
      const list = Object.keys(servers).map((each) => ({
        host: 'db',
        port: Number(each),
        text: 'SELECT',
        ...shards,
      }));
      if (port === undefined) return list as unknown as Row[];
      const result = await servers[Number(port)];
      return [{ success: result !== null, result: result ?? '' }] as unknown as Row[];
    },
  };
}

describe('the user of a grant, asked of each server of a cluster', () => {
  test('is found where another server is away', async () => {
    expect(await userOfGrant(cluster({ 1: null, 2: 'alice' }), 'id', FAULT)).toBe('alice');
  });

  test('is found while another server does not answer', async () => {
    const never = new Promise<never>(() => undefined);
    expect(await userOfGrant(cluster({ 1: never, 2: 'alice' }), 'id', FAULT)).toBe('alice');
  });

  test('is not known where a server is away and the others do not have it', async () => {
    await expect(userOfGrant(cluster({ 1: null, 2: '' }), 'id', FAULT)).rejects.toBe(FAULT);
    const refused = Promise.reject(new Error('canceling statement due to statement timeout'));
    await expect(userOfGrant(cluster({ 1: refused, 2: '' }), 'id', FAULT)).rejects.toBe(FAULT);
  });

  test('is not known where a shard has no server, or none is known', async () => {
    const missing = { shards: 1, allShards: 3 };
    await expect(userOfGrant(cluster({ 1: '', 2: '' }, missing), 'id', FAULT)).rejects.toBe(FAULT);
    await expect(userOfGrant(cluster({}), 'id', FAULT)).rejects.toBe(FAULT);
  });

  test('is null where no server has it', async () => {
    expect(await userOfGrant(cluster({ 1: '', 2: '' }), 'id', FAULT)).toBeNull();
  });
});
