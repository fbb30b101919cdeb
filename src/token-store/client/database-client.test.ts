import { createServer, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Secret } from '../../domain/secret.js';
import { AddressSource } from './address-source.js';
import { DatabaseClient } from './database-client.js';
import { DatabasePool } from './database-pool.js';

/** A message of PostgreSQL: type, length, content. */
function message(type: string, content: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(content.length + 4);
  return Buffer.concat([Buffer.from(type), length, content]);
}

/** Lets everyone in, and ends the session within the same packet, as a server that stops at that moment. */
const LOGIN_AND_END = Buffer.concat([
  message('R', Buffer.alloc(4)),
  message('Z', Buffer.from('I')),
  message('E', Buffer.from('SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0')),
]);

let server: Server;
let source: AddressSource;
beforeAll(async () => {
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(LOGIN_AND_END));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  source = new AddressSource(new Secret(`postgresql://postgres@127.0.0.1:${port}/broker?sslmode=disable`));
});
afterAll(() => {
  server.close();
});

test('a session that the server ends with its login ends no process', async () => {
  const client = new DatabaseClient({ source });
  const ended = new Promise<void>((resolve) => client.once('end', resolve));
  await client.connect();
  await ended;
  await expect(client.query('SELECT 1')).rejects.toThrow('not queryable');
});

test('a pool refuses a connection that the server ends with its login', async () => {
  const admit = () => Promise.resolve();
  const pool = new DatabasePool({
    source,
    size: 1,
    pooler: null,
    lifetimeMs: 1000,
    idleMs: 1000,
    answerMs: 1000,
    admit,
  });
  await expect(pool.query('SELECT 1')).rejects.toThrow();
  await pool.end();
});
