import { lstatSync, rmSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { readTextFile } from '../../../config/configuration-files.js';
import type { Secret } from '../../../domain/secret.js';
import { repeated } from '../../shared/command-result.js';
import { EXIT, Failure, wrongUsage } from '../../shared/failure.js';
import { readSecret, writePrivateFile } from '../../shared/files.js';
import { findBroker } from '../broker-address.js';
import { exportLines } from '../environment.js';
import {
  inCredential,
  readScopes,
  readSource,
  readSubject,
  type SourceOptions,
  withSourceOptions,
} from '../token-source.js';

const NAME = 'token-broker sidecar';

/** Google's are shorter. */
const MAX_TOKEN_BYTES = 4096;
const ACCESS_TOKEN = /^ya29\.[\w.-]*\s*$/;

const EXAMPLES = `
Examples:
  token-broker sidecar --user alice --key-file reports.key
  token-broker sidecar --user alice --jwt-file /var/run/secrets/tokens/broker \\
    --port 8080 --token-file /run/token
  token-broker sidecar --credential-file alice.credential

It is the metadata server of Compute Engine for one user, on this machine only:
Google's libraries find it by the variables that it prints once it is ready, and
then need no key and no code. Every process of this machine that can open the
port gets the user's tokens: run it in the network namespace of the program that
needs them, such as its Pod. Stop it with SIGTERM or Ctrl-C. While the broker
restarts, the last token is handed out; a refusal reaches the library as text,
with the link for the user, and standard error once.`;

interface Options extends SourceOptions {
  readonly port: string;
  readonly host: string;
  readonly tokenFile?: string;
  readonly project?: string;
}

export function sidecar(): Command {
  return withSourceOptions(new Command('sidecar'))
    .description("Serve a user's tokens to Google's libraries on this machine, as a metadata server")
    .option('--scope <scope>', 'a scope of the default token; repeat for several', repeated)
    .option('--port <number>', 'where to listen; 0: any free port', '0')
    .option('--host <address>', 'a loopback address', '127.0.0.1')
    .option('--token-file <file>', 'a file in which the access token is kept fresh, for gcloud')
    .option('--project <id>', 'the Google Cloud project that libraries get')
    .addHelpText('after', EXAMPLES)
    .action(async function (this: Command, options: Options) {
      const asJson = this.optsWithGlobals<{ json?: true }>().json ?? false;
      await serve(options, asJson);
    });
}

async function serve(options: Options, asJson: boolean): Promise<void> {
  const [{ requestToken }, { TokenCache }, { isLoopback, startMetadataServer }] = await Promise.all([
    import('../token-request.js'),
    import('./token-cache.js'),
    import('./metadata-server.js'),
  ]);
  const { host, project: projectId = null } = options;
  if (!isLoopback(host))
    throw wrongUsage(
      '--host takes a loopback address only, such as 127.0.0.1: who reaches the sidecar has the tokens.',
      NAME,
    );
  const port = readPort(options.port);
  const source = await readSource(options, NAME, ['--key-file', '--jwt-file', '--credential-file']);
  if (source.kind === 'url') throw wrongUsage('--url-source is not for this command.', NAME);
  const subject = readSubject(options, source, NAME);
  const scopes = readScopes(options, NAME);
  if (subject === null && scopes.length > 0) throw inCredential('--scope', NAME);
  const tokenFile = readTokenFile(options);
  const broker = await findBroker(options.broker ?? null, process.env);
  // A wrong path is said now; a file that is missing later is waited for.
  if (source.kind !== 'credential')
    await readSecret(source.file, source.kind === 'key' ? 'service key' : 'JWT');
  const report = (line: string) => {
    if (!asJson) process.stderr.write(`${line}\n`);
  };
  for (const note of broker.notes) report(note);

  const stopping = new AbortController();
  const question = { broker, source, subject, signal: stopping.signal };
  const cache = new TokenCache(
    (each) => requestToken(question, each),
    scopes,
    { monotonicMs: () => performance.now(), wallMs: Date.now, random: Math.random },
    {
      report,
      changed: (token) => {
        if (tokenFile !== null) keepFile(tokenFile, token?.accessToken ?? null, report);
      },
    },
  );
  const email = subject?.account?.includes('@') ? subject.account : null;
  const server = await startMetadataServer({ cache, email, projectId }, host, port).catch(
    (error: unknown) => {
      throw explainListen(error, port);
    },
  );
  const stopped = untilStopped();
  try {
    if (tokenFile !== null) takeFile(tokenFile);
    const started = await Promise.race([cache.start(), stopped]);
    if (started) {
      const variables = variablesOf(host, server.port, tokenFile, projectId);
      process.stdout.write(
        asJson ? `${JSON.stringify({ ready: true, variables })}\n` : exportLines(variables),
      );
      report(`Ready on ${host}, port ${server.port}. Unset GOOGLE_APPLICATION_CREDENTIALS: it would win.`);
      await stopped;
    }
  } finally {
    cache.stop();
    stopping.abort();
    await server.close();
    // What is in it is not fresh any more.
    if (tokenFile !== null) keepFile(tokenFile, null, report);
  }
}

/** Every name under which a library of Google looks for a metadata server; docs/libraries.md says which. */
export function variablesOf(
  host: string,
  port: number,
  tokenFile: string | null,
  projectId: string | null,
): Record<string, string> {
  const address = `${host === '::1' ? '[::1]' : host}:${port}`;
  return {
    GCE_METADATA_HOST: address,
    GCE_METADATA_IP: address,
    GCE_METADATA_ROOT: address,
    METADATA_SERVER_DETECTION: 'assume-present',
    // Ruby's library looks for a metadata server where Cloud Run sets these.
    K_SERVICE: 'token-broker',
    K_REVISION: 'token-broker',
    K_CONFIGURATION: 'token-broker',
    ...(tokenFile === null ? {} : { CLOUDSDK_AUTH_ACCESS_TOKEN_FILE: tokenFile }),
    ...(projectId === null ? {} : { GOOGLE_CLOUD_PROJECT: projectId }),
  };
}

/**
 * What a killed sidecar left is not fresh, and the broker may refuse the next token. A reader must not find a file of someone
 * else either, so one that cannot be replaced ends the command.
 * @throws {Failure}
 */
function takeFile(file: string): void {
  writePrivateFile(file, '', true);
  rmSync(file);
}

/** @param token null: none could be used, and a reader must not find an old one */
function keepFile(file: string, token: Secret | null, report: (line: string) => void): void {
  try {
    if (token === null) rmSync(file, { force: true });
    // gcloud wants the token and no other information.
    else writePrivateFile(file, token.reveal(), true);
  } catch (error) {
    report(error instanceof Error ? error.message : `${file} cannot be written.`);
  }
}

async function untilStopped(): Promise<null> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        resolve(null);
      });
    }
  });
}

/** It is replaced with each token, and deleted in the end. */
function readTokenFile({ tokenFile, keyFile, jwtFile, credentialFile = '-' }: Options): string | null {
  if (tokenFile === undefined) return null;
  const file = resolve(tokenFile);
  const sources = [keyFile, jwtFile, credentialFile === '-' ? undefined : credentialFile];
  if (sources.some((each) => each !== undefined && resolve(each) === file))
    throw wrongUsage('--token-file would overwrite the file that proves who asks. Name another one.', NAME);
  if (lstatSync(file, { throwIfNoEntry: false })?.isDirectory())
    throw wrongUsage('--token-file is a folder. Name a file in it.', NAME);
  const found = statSync(file, { throwIfNoEntry: false });
  if (found !== undefined && !mayBeToken(found.size, file)) {
    throw new Failure(
      EXIT.refused,
      'file_exists',
      `${file} exists already and is not an access token that a sidecar left. It was not touched. Name another file with --token-file.`,
    );
  }
  return file;
}

/** Empty, or an access token of Google by its prefix. What cannot be read was written by no sidecar of this user. */
function mayBeToken(size: number, file: string): boolean {
  if (size === 0) return true;
  try {
    return size < MAX_TOKEN_BYTES && ACCESS_TOKEN.test(readTextFile(file));
  } catch {
    return false;
  }
}

function readPort(given: string): number {
  const port = Number(given);
  if (/^\d{1,5}$/.test(given) && port <= 65_535) return port;
  throw wrongUsage('--port takes a whole number from 0 to 65535.', NAME);
}

function explainListen(error: unknown, port: number): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== 'listen' || code === undefined) return error;
  return new Failure(
    EXIT.portInUse,
    code === 'EADDRINUSE' ? 'port_in_use' : 'port_not_usable',
    `The port ${port} cannot be listened on (${code}). Name another one with --port, or leave it out for any free one.`,
  );
}
