import { createServer } from 'node:net';
import { systemCode, TrialFault } from './fault.js';

/** The settings that choose a port, and what they are when not set. */
const DEFAULTS = { PORT: 3000, STAND_IN_PORT: 3001, SAMPLE_APP_PORT: 3002 };

export type PortSetting = keyof typeof DEFAULTS;

/** @throws {TrialFault} when a setting is no port, or two are the same */
export function readPorts(env: Readonly<Record<string, string | undefined>>): Record<PortSetting, number> {
  const taken = new Map<number, PortSetting>();
  const read = (setting: PortSetting): number => {
    const port = Number(env[setting] || DEFAULTS[setting]);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw new TrialFault(`${setting} is no port. Choose a number from 1 to 65535: ${another(setting)}`);
    }
    const other = taken.get(port);
    if (other)
      throw new TrialFault(
        `${other} and ${setting} are both ${port}. Choose another: ${another(setting, port)}`,
      );
    taken.set(port, setting);
    return port;
  };
  return {
    PORT: read('PORT'),
    STAND_IN_PORT: read('STAND_IN_PORT'),
    SAMPLE_APP_PORT: read('SAMPLE_APP_PORT'),
  };
}

/** @throws {TrialFault} when something else listens there */
export async function assertFreePort(setting: PortSetting, port: number): Promise<void> {
  // A browser may take localhost for either of them.
  for (const host of ['127.0.0.1', '::1']) {
    const code = await codeOfListening(port, host);
    if (code === 'EADDRINUSE') {
      throw new TrialFault(
        `Port ${port} is in use. Stop what runs there, or choose another: ${another(setting, port)}`,
      );
    }
    if (code === 'EACCES') {
      throw new TrialFault(`Port ${port} is not for every user. Choose one above 1023: ${another(setting)}`);
    }
  }
}

function another(setting: PortSetting, port = DEFAULTS[setting]): string {
  return `${setting}=${port > 65_000 ? DEFAULTS[setting] : port + 100} npm start`;
}

function codeOfListening(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => {
      resolve(systemCode(error));
    });
    server.listen({ port, host, ipv6Only: true }, () =>
      server.close(() => {
        resolve(undefined);
      }),
    );
  });
}
