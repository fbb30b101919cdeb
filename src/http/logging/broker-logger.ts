import { Logger } from 'nestjs-pino';

/** What Nest says of each module and route that it finds. */
const FOUND_AT_START = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/** Nest's logger, but for its lines about the start: those are at `debug`, and bootstrap.ts writes one. */
export class BrokerLogger extends Logger {
  override log(message: unknown, ...params: unknown[]): void {
    const write = FOUND_AT_START.has(params.at(-1) as string) ? 'debug' : 'log';
    super[write](message, ...params);
  }
}
