/** The floor: node:http and the same bytes. */
import { createServer } from 'node:http';

const { PORT = '0', BODY = '{}' } = process.env;
createServer((_request, response) => {
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.setHeader('content-length', Buffer.byteLength(BODY));
  response.end(BODY);
}).listen(Number(PORT), '127.0.0.1');
