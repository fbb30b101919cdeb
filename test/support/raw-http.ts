/** HTTP as bytes on a socket: for what no client library would send, or would not send so slowly. */
import { connect, type Socket } from 'node:net';

export interface RawResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Record<string, unknown>;
  /** Milliseconds until the connection was closed. */
  readonly ms: number;
}

const GIVE_UP_MS = 15_000;

export function openSocket(url: string): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  return socket;
}

/** Sends text and reads until the other side closes the connection. Ask for that with `Connection: close`. */
export async function sendRaw(url: string, text: string): Promise<RawResponse> {
  const socket = openSocket(url);
  socket.write(text);
  return readResponse(socket);
}

/** @returns status 0 where the connection was closed without a response */
export async function readResponse(socket: Socket): Promise<RawResponse> {
  const startedAt = performance.now();
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  const late = setTimeout(() => socket.destroy(new Error('The connection was not closed.')), GIVE_UP_MS);
  await new Promise((closed) => socket.once('close', closed));
  clearTimeout(late);
  return { ...parse(Buffer.concat(chunks).toString()), ms: performance.now() - startedAt };
}

function parse(response: string): Omit<RawResponse, 'ms'> {
  const final = response.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '');
  const [head = '', ...rest] = final.split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const headers = new Headers(
    lines.map((line): [string, string] => {
      const at = line.indexOf(':');
      return [line.slice(0, at), line.slice(at + 1).trim()];
    }),
  );
  const text = rest.join('\r\n\r\n');
  const isJson = (headers.get('content-type') ?? '').includes('json') && text !== '';
  const body = isJson ? (JSON.parse(/\{.*\}/s.exec(text)?.[0] ?? '{}') as Record<string, unknown>) : {};
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? 0), headers, text, body };
}
