/**
 * What reading a token from PostgreSQL costs at least: Fastify, a key check like the broker's, one prepared SELECT, one AES-GCM
 * decryption. No policy, no limits, no integrity checks but AES-GCM's, no choice between grants, no cache, no audit.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import pg from 'pg';
import { decrypt, parseJwe } from '../../src/sealing/compact-jwe.js';
import { readKeyRing } from '../../src/sealing/key-ring.js';

const { DATABASE_URL = '', KEY_RING_FILE = '', BODY = '{}', KEY = '', CONNECTIONS = '10' } = process.env;
const template = JSON.parse(BODY) as object;
const KEY_FORM = /^Bearer tbk_([a-z0-9]{12})_([A-Za-z0-9_-]{43})$/;
const digest = (text: string) => createHash('sha256').update(text).digest();
const [, id = '', secret = ''] = KEY_FORM.exec(`Bearer ${KEY}`) ?? [];
const hashes = new Map([[id, digest(secret)]]);
const { sealingKeys } = readKeyRing(KEY_RING_FILE);
const database = new pg.Pool({ connectionString: DATABASE_URL, max: Number(CONNECTIONS) });

/** Prepared once a connection, by its name. */
const READ = {
  name: 'row-read',
  text: `SELECT token.sealed_token, token.expires_at FROM grants JOIN access_tokens AS token
      ON token.user_id = grants.user_id AND token.grant_id = grants.id
    WHERE grants.user_id = $1 AND grants.client = $2 AND grants.status = 'active'`,
};

interface Row {
  readonly sealed_token: string;
  readonly expires_at: Date;
}

const app = fastify();
app.get<{ Params: { userId: string } }>('/tokens/:userId', async (request, reply) => {
  const [, asked = '', presented = ''] = KEY_FORM.exec(request.headers.authorization ?? '') ?? [];
  const hash = hashes.get(asked);
  if (!hash || !timingSafeEqual(hash, digest(presented))) return reply.code(401).send();
  const { rows } = await database.query<Row>({ ...READ, values: [request.params.userId, 'default'] });
  const [row] = rows;
  const jwe = row && parseJwe(row.sealed_token);
  const key = jwe && sealingKeys.get(jwe.kid);
  if (!row || !key) return reply.code(404).send();
  const expiresIn = Math.floor((row.expires_at.getTime() - Date.now()) / 1000);
  return { ...template, access_token: decrypt(jwe, key), expires_in: expiresIn };
});
await app.listen({ port: 0, host: '127.0.0.1' });
process.send?.({ port: (app.server.address() as AddressInfo).port });
process.on('disconnect', () => process.exit());
