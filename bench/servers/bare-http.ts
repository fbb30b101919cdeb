/** A plain server: node:http, the same headers and the same bytes for every request. Of a form it waits for the body and reads it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const { BODY = '{}', HEADERS = '{}' } = process.env;
const headers = JSON.parse(HEADERS) as Record<string, string>;
const server = createServer((request, response) => {
  const send = () => {
    response.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(BODY) });
    response.end(BODY);
  };
  if (request.method === 'GET') send();
  else request.on('end', send).resume();
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('disconnect', () => process.exit());
