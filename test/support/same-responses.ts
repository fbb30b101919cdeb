/** Responses as bytes on a socket, and what of them does not differ between two brokers with the same data. */
import { setTimeout as pause } from 'node:timers/promises';
import { openSocket } from './raw-http.js';

/** Behind each request: its response shows what became of the connection, and ends it. */
export const LAST = [
  'GET /health/live HTTP/1.1',
  'Host: broker.example.com',
  'Connection: close',
  '',
  '',
].join('\r\n');

/** Writes the parts one after the other, slowly, and reads until the connection is closed. */
export async function exchangeBytes(url: string, parts: readonly string[]): Promise<string> {
  const socket = openSocket(url);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for (const [at, part] of parts.entries()) {
    if (at > 0) await pause(30);
    socket.write(part);
  }
  await closed;
  return Buffer.concat(chunks).toString();
}

/** Without what differs between any two calls: times, the ids that the broker makes, and the ticket of a link. */
export function normalize(responses: string): string {
  const sorted = responses.replaceAll(
    /(HTTP\/1\.1 \d+ [^\r]*\r\n)((?:[^\r]+\r\n)+)\r\n/g,
    (_, status, headers) => {
      const lines = String(headers).trimEnd().split('\r\n');
      const kept = lines.map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase())).sort();
      return `${String(status)}${kept.join('\r\n')}\r\n\r\n`;
    },
  );
  return sorted
    .replaceAll(/^date: .*$/gm, 'date: DATE')
    .replaceAll(/"expires_in":\d+/g, '"expires_in":SECONDS')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'ID')
    .replaceAll(/ticket=[\w.-]+/g, 'ticket=TICKET');
}
