/**
 * A broker, and programs in other languages that get a user's token from it by a library of Google: through a file of
 * `token-broker credentials-file`, or through a sidecar on the clock of the test bed. Owns what such a program is given and
 * what it prints. Does not own the programs (test/libraries/programs/).
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { credentialsFile } from '../../src/cli/libraries/credentials-file.js';
import { findBroker } from '../../src/cli/libraries/broker-address.js';
import { startMetadataServer } from '../../src/cli/libraries/sidecar/metadata-server.js';
import { TokenCache } from '../../src/cli/libraries/sidecar/token-cache.js';
import { variablesOf } from '../../src/cli/libraries/sidecar/sidecar.js';
import { requestToken } from '../../src/cli/libraries/token-request.js';
import { runCommand } from './command.js';
import { ALICE, BOB, startTestBed, type TestBed, YOUTUBE } from './test-bed.js';

/** How a library is pointed at the broker. */
export type Way = 'external_account' | 'external_account_authorized_user' | 'authorized_user' | 'sidecar';

export interface Program {
  /** The program and its first arguments. */
  readonly command: readonly string[];
  /** Beside the few variables that every program gets. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether one process takes all cases, a line of JSON each, and prints a line for each. Others get one as arguments. */
  readonly takesLines?: boolean;
}

/** What a program prints, as one line of JSON: see test/libraries/programs/. */
interface Printed {
  /** The token, as the library gave it before a call of the API and after it. */
  readonly tokens?: readonly string[];
  /** How the API answered the program in the end. */
  readonly status?: number;
  /** Why the library gave none: its exception, as a developer sees it. */
  readonly error?: string;
}

interface Situation {
  readonly user?: string;
  readonly client?: string;
  readonly isKeyWrong?: boolean;
  /** None: the program names no scopes, so the library may name some by itself. */
  readonly scopes?: readonly string[];
}

export interface LibraryBed extends Omit<TestBed, 'stop'> {
  readonly run: (program: Program, way: Way, situation?: Situation) => Promise<Printed>;
  /** How often the broker was asked for a token since the last program started. */
  readonly exchanges: () => number;
  readonly stop: () => Promise<void>;
}

/** @returns a bed in which `alice` is connected, and `dead` has removed the access in the Google Account */
export async function startLibraryBed(): Promise<LibraryBed> {
  const bed = await startTestBed();
  await bed.api.connect({ user_id: 'alice', scope: YOUTUBE }, { account: ALICE.email });
  await bed.api.connect({ user_id: 'dead', scope: YOUTUBE, client: 'elsewhere' }, { account: BOB.email });
  bed.google.control.revokeByUser(BOB.sub, 'project-b');
  bed.clock.advance(3700);
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-libraries-'));
  const stops: (() => Promise<void>)[] = [];
  const sidecars = new Map<string, Record<string, string>>();
  /** Of programs that take lines, by their command. */
  const running = new Map<string, LineProgram>();
  let logged = 0;

  let files = 0;
  const file = (content: string) => {
    const path = join(folder, String(++files));
    // As an editor leaves it, and as `echo` writes it.
    writeFileSync(path, `${content}\n`, { mode: 0o600 });
    return path;
  };
  const keyOf = ({ isKeyWrong }: Situation) =>
    isKeyWrong ? `tbk_aaaaaaaaaaaa_${'a'.repeat(43)}` : bed.api.key;

  async function credentials(way: Exclude<Way, 'sidecar'>, situation: Situation) {
    const { user = 'alice', client = 'default' } = situation;
    let source = ['--user', user, '--client', client, '--key-file', file(keyOf(situation))];
    if (way !== 'external_account') {
      const { body } = await bed.api.post('/services/self/credentials', { user_id: user, client });
      if (situation.isKeyWrong) await bed.api.delete(`/services/self/credentials/${String(body['id'])}`);
      source = ['--credential-file', file(String(body['credential']))];
    }
    const output = ['--output', join(folder, `credentials-${++files}.json`)];
    const args = ['--for', way, ...source, ...output];
    const { failure, output: shown } = await runCommand(credentialsFile(), args, { PUBLIC_URL: bed.url });
    if (shown['variables'] === undefined) throw new Error(JSON.stringify(failure));
    // Where the file is read, nothing has to look for a metadata server in the network of this machine.
    return { ...(shown['variables'] as Record<string, string>), NO_GCE_CHECK: 'true' };
  }

  async function sidecar(situation: Situation): Promise<Record<string, string>> {
    const { user: userId = 'alice', client = 'default' } = situation;
    const name = `${userId} ${client} ${keyOf(situation)}`;
    const running = sidecars.get(name);
    if (running) return running;
    const question = {
      broker: await findBroker(null, { PUBLIC_URL: bed.url }),
      source: { kind: 'key', file: file(keyOf(situation)) },
      subject: { userId, client, account: null },
    } as const;
    const cache = new TokenCache(
      (scopes) => requestToken(question, scopes),
      [],
      {
        monotonicMs: () => bed.clock.monotonicMs(),
        wallMs: () => bed.clock.now().getTime(),
        random: Math.random,
      },
      { report: () => undefined, changed: () => undefined },
    );
    const server = await startMetadataServer({ cache, email: null, projectId: null }, '127.0.0.1', 0);
    stops.push(server.close);
    const variables = variablesOf('127.0.0.1', server.port, null, null);
    sidecars.set(name, variables);
    return variables;
  }

  return {
    ...bed,
    run: async ({ command, env = {}, takesLines = false }, way, situation = {}) => {
      const variables = await (way === 'sidecar' ? sidecar(situation) : credentials(way, situation));
      logged = bed.log().length;
      const { PATH = '' } = process.env;
      const own = { PATH, HOME: folder, ...env };
      const args = [apiUrlOf(bed), ...(situation.scopes ?? [])];
      if (!takesLines) return runToItsEnd([...command, ...args], folder, { ...own, ...variables });
      const name = command.join(' ');
      const program = running.get(name) ?? startLineProgram(command, folder, own);
      running.set(name, program);
      return program.ask({ variables, args });
    },
    exchanges: () => bed.log().slice(logged).split('"path":"/oauth2/token"').length - 1,
    stop: async () => {
      for (const program of running.values()) program.end();
      await Promise.all(stops.map((stop) => stop()));
      await bed.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface LineProgram {
  readonly ask: (situation: object) => Promise<Printed>;
  readonly end: () => void;
}

function startLineProgram(command: readonly string[], cwd: string, env: NodeJS.ProcessEnv): LineProgram {
  const [path = '', ...args] = command;
  const child = spawn(path, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  const errors = text(child.stderr);
  const printed = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    ask: async (situation) => {
      child.stdin.write(`${JSON.stringify(situation)}\n`);
      const { value, done } = await printed.next();
      if (done === true) throw new Error(await errors);
      return JSON.parse(value) as Printed;
    },
    end: () => child.stdin.end(),
  };
}

async function runToItsEnd(
  command: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<Printed> {
  const [path = '', ...args] = command;
  const child = spawn(path, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (output === '') throw new Error(errors);
  return JSON.parse(output) as Printed;
}

function apiUrlOf({ google }: TestBed): string {
  const query = { ids: 'channel==MINE', startDate: '2026-01-01', endDate: '2026-01-31', metrics: 'views' };
  return `${google.url}/v2/reports?${new URLSearchParams(query).toString()}`;
}
