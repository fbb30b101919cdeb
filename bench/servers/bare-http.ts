/** The limit of Node.js: node:http, the same headers and the same bytes for every request. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const { BODY = '{}', HEADERS = '{}' } = process.env;
const headers = JSON.parse(HEADERS) as Record<string, string>;
const server = createServer((_request, response) => {
  response.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(BODY) });
  response.end(BODY);
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('disconnect', () => process.exit());
