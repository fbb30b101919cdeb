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
  return readConsole(environment, []).console;
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
    expect(consoleOf({ CONSOLE_ISSUER: issuer })?.isGoogle).toBe(isHostedDomain);
  });
});
