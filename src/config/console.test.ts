import { describe, expect, test } from '@jest/globals';
import { readConsole } from './console.js';
import type { Environment } from './environment.js';

function consoleOf(changes: Partial<Environment>) {
  const environment = {
    CONSOLE_OPERATORS: ['@example.com'],
    CONSOLE_VIEWERS: [],
    CONSOLE_CLIENT_ID: 'console',
    CONSOLE_CLIENT_SECRET: 'secret',
    PUBLIC_URL: 'https://broker.example.com',
    PORT: 3000,
    ADMIN_PORT: null,
    ADMIN_URL: null,
    CELL: null,
    CELL_PEERS: [],
    ...changes,
  } as unknown as Environment;
  return readConsole(environment, []);
}

describe('a domain among the people of the console', () => {
  // Anyone can have a Google Account with the address that a company gave them, and keeps it.
  test.each([
    ['https://accounts.google.com', true],
    ['https://accounts.google.com/', true],
    ['https://login.example.com', false],
    ['https://accounts.google.com.example.com', false],
    // Its own rule names it as a fault.
    ['accounts.google.com', false],
  ])('with the issuer %s names a hosted domain or not (%p)', (issuer, isHostedDomain) => {
    expect(consoleOf({ CONSOLE_ISSUER: issuer }).console?.isGoogle).toBe(isHostedDomain);
  });
});

describe('the address of the console', () => {
  test.each([
    ['https://admin.example.com', 0],
    ['http://localhost:9000', 0],
    ['http://127.0.0.1:9000', 0],
    ['http://admin.internal:9000', 1],
    ['http://10.0.0.5:9000', 1],
    // Its own rule names it as a fault.
    ['http://admin.internal:99999', 0],
  ])('may be %s with as many as %i faults, since the session cookie is sent there', (url, count) => {
    const { faults } = consoleOf({
      ADMIN_PORT: 9000,
      ADMIN_URL: url,
      CONSOLE_ISSUER: 'https://login.example.com',
    });
    expect(faults).toHaveLength(count);
    for (const fault of faults) expect(fault).toContain('ADMIN_URL must be https outside localhost');
  });
});
