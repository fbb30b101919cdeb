/**
 * Every line of docs/google-ads.md works before Google is known: its blocks of commands, in their order, in one shell beside a trial
 * mode. Owns the person's part: a browser that allows what is asked. Does not own what each command answers in detail.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Browser } from '../support/api.js';
import { until } from '../support/until.js';
import { visitConsent } from '../support/visit-consent.js';
import { ALICE, type BrokerOptions, options, startTrial, stopAll, TIMEOUT_MS } from './trial-mode.js';

const BLOCKS = [...readFileSync('docs/google-ads.md', 'utf8').matchAll(/^```sh\n([^]*?)^```$/gm)].map(
  ([, block = '']) => block,
);
const MANAGER = '1000000003';

interface Shell {
  /** Runs a block to its end, while `meanwhile` does a person's part. */
  run(
    block: string,
    meanwhile?: (output: () => string) => Promise<void>,
  ): Promise<{ status: number; output: string }>;
  end(): void;
}

function startShell(cwd: string, env: Record<string, string | undefined>): Shell {
  const child = spawn('bash', ['-o', 'pipefail'], { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return {
    run: async (block, meanwhile) => {
      const from = output.length;
      const since = () => output.slice(from);
      child.stdin.write(`${block}\necho "ended with $?"\n`);
      await meanwhile?.(since);
      await until(() => /ended with \d+\n/.test(since()));
      const [all, text = '', status] = /^([^]*?)ended with (\d+)\n/.exec(since()) ?? [];
      if (all === undefined) throw new Error(`It did not end: ${since()}`);
      return { status: Number(status), output: text };
    },
    end: () => child.kill('SIGKILL'),
  };
}

/** Allows what the command line asks for, in the browser of this machine. */
async function allow(output: () => string): Promise<void> {
  const consent = /https?:\/\/[^\s"]+\/o\/oauth2\/[^\s"]+/;
  await until(() => consent.test(output()));
  const back = await visitConsent(consent.exec(output())?.[0] ?? '', { account: ALICE });
  expect((await fetch(back)).status).toBe(200);
}

describe('docs/google-ads.md, before Google is known', () => {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-google-ads-'));
  let env: BrokerOptions;
  let shell: Shell;

  beforeAll(async () => {
    // When root runs the tests, PostgreSQL runs as another user, who needs access.
    chmodSync(folder, 0o755);
    env = await options(join(folder, 'data', 'trial'));
    await startTrial(env);
    // A checkout, as far as the commands see it: what they write stays out of the real one.
    const scripts = { 'token-broker': `node ${resolve('scripts/token-broker.mjs')}` };
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, scripts }));
    mkdirSync(join(folder, 'bin'));
    writeFileSync(join(folder, 'bin', 'xdg-open'), '#!/bin/sh\n', { mode: 0o755 });
    const PATH = [join(folder, 'bin'), resolve('node_modules/.bin'), process.env['PATH']].join(':');
    shell = startShell(folder, { ...process.env, ...env, PATH });
  }, TIMEOUT_MS);
  afterAll(async () => {
    shell.end();
    await stopAll();
    rmSync(folder, { recursive: true, force: true });
  });

  /** With the ports of this trial mode. */
  const commands = (part: string) => {
    const block = BLOCKS.find((each) => each.includes(part));
    if (block === undefined) throw new Error(`No block with ${part}`);
    return block
      .replaceAll('localhost:3000', `localhost:${env['PORT'] ?? ''}`)
      .replaceAll('localhost:3001', `localhost:${env['STAND_IN_PORT'] ?? ''}`);
  };
  const run = async (part: string, meanwhile?: (output: () => string) => Promise<void>) => {
    const { status, output } = await shell.run(commands(part), meanwhile);
    expect({ status, output }).toEqual({ status: 0, output: expect.anything() });
    return output;
  };

  test(
    'every line works, in the order of the page',
    async () => {
      const played: string[] = [];
      const play: typeof run = (part, meanwhile) => {
        played.push(commands(part));
        return run(part, meanwhile);
      };
      expect(await play('BROKER=')).toBe('');
      const link = (await play('/connect/tickets')).trim().split('\n').at(-1) ?? '';
      const back = await new Browser().connect(link, { account: ALICE });
      expect(back.text).toContain('<h1>Connected</h1>');
      expect(await play('/ads/customers')).toContain('"2000000004"');
      expect(await play('?customer_id=200-000-0004')).toContain(`"login-customer-id":"${MANAGER}"`);
      expect(await play('googleAds:search')).toContain('"campaign"');
      const shown = await play('CLIENT=', allow);
      expect(shown).toMatch(/Your refresh token is: 1\/\//);
      expect(shown).toContain(`login_customer_id: "${MANAGER}"`);
      await play('> token.txt', allow);
      expect(readFileSync(join(folder, 'token.txt'), 'utf8')).toMatch(/^1\/\/\S+\n$/);
      await play('client-config');
      expect(readFileSync(join(folder, 'google-ads.yaml'), 'utf8')).toContain(
        `login_customer_id: "${MANAGER}"`,
      );
      expect(played).toEqual(BLOCKS.map((block) => commands(block)));
    },
    TIMEOUT_MS,
  );
});
