/**
 * A span for each statement of a connection, where there are traces. Owns no text and no value of a statement: neither gets
 * into a span, except for the kind of statement, its table and its name.
 */
import { tracing } from '../../tracing/tracing.js';

type Query = (config: unknown, ...rest: unknown[]) => unknown;

interface DatabaseServer {
  readonly host: string;
  readonly port: number;
  readonly database?: string | undefined;
}

type Callback = (error: unknown, ...rest: unknown[]) => unknown;

/** @param server read with each statement: which of several hosts it is, is known once connected */
export function tracedQuery(query: Query, server: DatabaseServer): Query {
  const traces = tracing();
  if (!traces) return query;
  return (config, ...rest) => {
    const { text, name } = typeof config === 'string' ? { text: config } : (config as Partial<Named>);
    const { host, port, database = '' } = server;
    const end = typeof text === 'string' ? traces.statement({ text, name, host, port, database }) : null;
    if (!end) return query(config, ...rest);
    const callback = rest.at(-1);
    if (typeof callback === 'function') {
      const ended: Callback = (error, ...result) => {
        end(error ?? undefined);
        return (callback as Callback)(error, ...result);
      };
      return query(config, ...rest.slice(0, -1), ended);
    }
    const running = query(config, ...rest);
    // What fails is for the caller, who has the same promise.
    (running as Promise<unknown>).then(() => {
      end();
    }, end);
    return running;
  };
}

interface Named {
  readonly text: string;
  readonly name: string;
}
