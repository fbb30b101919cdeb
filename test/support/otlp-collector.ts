/**
 * A collector of OpenTelemetry, as far as a sender sees it: it takes what is posted to it, and reads the Protocol Buffers of
 * https://github.com/open-telemetry/opentelemetry-proto by their wire format, without code of OpenTelemetry.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

type Value = string | number | boolean;

interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** 2: server, 3: client. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, Value>>;
  readonly resource: Readonly<Record<string, Value>>;
  /** Of the request that brought it. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

export interface Collector {
  readonly url: string;
  readonly spans: readonly CollectedSpan[];
  /** What it answers from now on; 200 before. */
  respondWith(status: number): void;
  close(): Promise<void>;
}

export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  let status = 200;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.writeHead(status, { 'content-type': 'application/x-protobuf' }).end();
      if (status !== 200) return;
      const { url = '', headers } = request;
      for (const span of readRequest(Buffer.concat(chunks))) spans.push({ ...span, url, headers });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    respondWith: (next) => {
      status = next;
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** ExportTraceServiceRequest */
function readRequest(body: Buffer): Omit<CollectedSpan, 'url' | 'headers'>[] {
  return messages(body, 1).flatMap((resourceSpans) => {
    const resource = attributesOf(messages(resourceSpans, 1)[0] ?? Buffer.alloc(0), 1);
    const spans = messages(resourceSpans, 2).flatMap((scopeSpans) => messages(scopeSpans, 2));
    return spans.map((span) => {
      const hex = (field: number) => messages(span, field)[0]?.toString('hex') ?? '';
      return {
        traceId: hex(1),
        spanId: hex(2),
        parentSpanId: hex(4),
        name: messages(span, 5)[0]?.toString() ?? '',
        kind: Number(fields(span).find(({ number }) => number === 6)?.value ?? 0),
        attributes: attributesOf(span, 9),
        resource,
      };
    });
  });
}

function attributesOf(message: Buffer, field: number): Record<string, Value> {
  const pairs = messages(message, field).map((pair) => {
    const [value] = fields(messages(pair, 2)[0] ?? Buffer.alloc(0));
    const read = Buffer.isBuffer(value?.value) ? value.value.toString() : Number(value?.value ?? 0);
    return [messages(pair, 1)[0]?.toString() ?? '', read];
  });
  return Object.fromEntries(pairs) as Record<string, Value>;
}

/** The members of this number that are a message, a text or bytes. */
function messages(message: Buffer, field: number): Buffer[] {
  return fields(message)
    .filter(({ number }) => number === field)
    .map(({ value }) => value)
    .filter((value) => Buffer.isBuffer(value));
}

/** https://protobuf.dev/programming-guides/encoding/ */
function fields(message: Buffer): { readonly number: number; readonly value: Buffer | bigint }[] {
  const found: { number: number; value: Buffer | bigint }[] = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const bytes = (length: number) => message.subarray(at, (at += length));
  while (at < message.length) {
    const tag = Number(varint());
    const type = tag & 7;
    const value = type === 0 ? varint() : bytes(type === 1 ? 8 : type === 5 ? 4 : Number(varint()));
    found.push({ number: tag >> 3, value });
  }
  return found;
}
