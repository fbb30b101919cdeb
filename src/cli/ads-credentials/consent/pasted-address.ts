/**
 * The prompt for a machine without a browser: the person opens the consent URL elsewhere, and pastes the address at which that
 * browser ends, since it cannot reach this machine. Owns reading these lines. Does not own what an address says
 * (authorization-response.ts) or what follows from it (loopback.ts).
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Loopback } from './loopback.js';

/** Where the person types, and where a prompt is shown. */
export interface Pasting {
  readonly input: NodeJS.ReadableStream;
  readonly say: (text: string) => void;
  /** Shows the URL of a second visit, such as a consent after a sign-in. */
  readonly showNext: (url: string) => void;
}

/**
 * Whether a person can answer here: standard input is a terminal, and this command its foreground job. A background job that reads a
 * terminal is stopped (SIGTTIN); other input may be meant for the rest of a script.
 */
export function isForegroundTerminal(): boolean {
  if (!process.stdin.isTTY) return false;
  const [group, foreground] = processGroups() ?? [];
  return group === foreground;
}

/** @returns the process group of this command and that of its terminal's foreground job; null where there are none */
function processGroups(): readonly string[] | null {
  if (process.platform === 'win32') return null;
  if (process.platform !== 'linux') {
    const { stdout, status } = spawnSync('ps', ['-o', 'pgid=,tpgid=', '-p', String(process.pid)]);
    return status === 0 ? stdout.toString().trim().split(/\s+/) : null;
  }
  // proc(5): after the name, which may hold spaces, come state, ppid, pgrp, session, tty_nr, tpgid.
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return [fields[2] ?? '', fields[5] ?? ''];
}

/**
 * Takes pasted addresses as long as the wait lasts.
 * @param pasting null where there is none to type
 */
export async function whilePasting<T>(
  loopback: Loopback,
  pasting: Pasting | null,
  wait: () => Promise<T>,
): Promise<T> {
  if (pasting === null) return wait();
  const { input, say } = pasting;
  say(
    'If that browser runs on another machine, it ends at an address that it cannot\n' +
      `open. Copy that whole address, which begins with ${loopback.redirectUri},\n` +
      'and paste it here:',
  );
  // Without `terminal`, Ctrl-C stays with the terminal and ends the command.
  const lines = createInterface({ input, terminal: false });
  lines.on('line', (line) => void take(line, loopback, pasting));
  try {
    return await wait();
  } finally {
    lines.close();
  }
}

async function take(line: string, loopback: Loopback, { say, showNext }: Pasting): Promise<void> {
  const text = line.replaceAll('\ufeff', '').trim();
  if (text === '') return;
  const parameters = parametersOf(text, loopback.redirectUri);
  if (parameters === null) {
    say(
      `That is not the address. It begins with ${loopback.redirectUri}, and has "state=" in it. Paste it whole:`,
    );
    return;
  }
  const reply = await loopback.deliver(parameters);
  if (reply !== null && 'location' in reply) showNext(reply.location);
}

/** @returns null for anything but the redirect URI with an authorization response */
function parametersOf(text: string, redirectUri: string): URLSearchParams | null {
  // Some browsers show, and give, an address without its scheme.
  const whole = /^https?:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(whole)) return null;
  const [given, expected] = [new URL(whole), new URL(redirectUri)];
  const isThere = given.origin === expected.origin && given.pathname === expected.pathname;
  return isThere && given.searchParams.has('state') ? given.searchParams : null;
}
