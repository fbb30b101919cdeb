/**
 * The memory of a broker that runs as a process of its own, by V8's inspector: what is used once garbage is collected, and what a heap
 * snapshot says. Owns no process: start one with `inspectable()` among its settings.
 */
import { once } from 'node:events';
import { freePort } from '../trial/postgres.js';

/** Bytes. */
export interface Memory {
  /** On V8's heap. */
  readonly heapUsed: number;
  /** Outside of it, buffers included. */
  readonly external: number;
  readonly rss: number;
}

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly chunk?: string };
  readonly result?: { readonly result?: { readonly value?: unknown } };
  readonly error?: { readonly message: string };
}

/** @returns settings for a broker, and the port at which `inspect` finds it */
export async function inspectable(): Promise<{ port: number; settings: Record<string, string> }> {
  const port = await freePort();
  return { port, settings: { NODE_OPTIONS: `--inspect=127.0.0.1:${port}` } };
}

export class Inspected {
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #calls = 0;
  #chunk: (text: string) => void = () => undefined;

  private constructor(private readonly socket: WebSocket) {
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as Answer;
      if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
      else if (answer.method === 'HeapProfiler.addHeapSnapshotChunk') this.#chunk(answer.params?.chunk ?? '');
    });
  }

  static async at(port: number): Promise<Inspected> {
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as {
      webSocketDebuggerUrl: string;
    }[];
    const socket = new WebSocket(targets[0]?.webSocketDebuggerUrl ?? '');
    await once(socket, 'open');
    return new Inspected(socket);
  }

  async memory(): Promise<Memory> {
    const params = { expression: 'process.memoryUsage()', returnByValue: true };
    return (await this.#call('Runtime.evaluate', params)).result?.result?.value as Memory;
  }

  /** After this, only what can be reached is used. */
  async collectGarbage(): Promise<void> {
    // What finalizers release is collected by the next one.
    for (let round = 0; round < 3; round++) await this.#call('HeapProfiler.collectGarbage');
  }

  /** Calls `chunk` with the parts of a heap snapshot. */
  async snapshot(chunk: (text: string) => void): Promise<void> {
    this.#chunk = chunk;
    await this.#call('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
  }

  close(): void {
    this.socket.close();
  }

  async #call(method: string, params: object = {}): Promise<Answer> {
    const id = ++this.#calls;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.socket.send(JSON.stringify({ id, method, params }));
    const answer = await answered;
    this.#waiting.delete(id);
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer;
  }
}
