/** Debian's nginx with deploy/nginx/cells.conf, in front of two servers that stand for the cells. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgresUser } from '../../sandbox/trial/postgres-files.js';
import { until } from './until.js';

const PROGRAM = ['/usr/sbin/nginx', '/usr/bin/nginx', '/opt/homebrew/bin/nginx'].find(existsSync);
const FILE = 'deploy/nginx/cells.conf';

/** Why tests with it are skipped, for their names; '' where it is installed. */
export const WITHOUT_ROUTER = PROGRAM === undefined ? ' (skipped: nginx not installed)' : '';

export interface CellRouter {
  stop(): Promise<void>;
}

interface RouterPorts {
  readonly outside: number;
  readonly inside: number;
  readonly eu1: number;
  readonly us1: number;
}

/** Without TLS, which needs a certificate. */
export async function startCellRouter({ outside, inside, eu1, us1 }: RouterPorts): Promise<CellRouter> {
  if (PROGRAM === undefined) throw new Error('nginx is not installed.');
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-cells-'));
  chmodSync(folder, 0o755);
  const file = configured(readFileSync(FILE, 'utf8'), [
    ['server 127.0.0.1:3001; # yours', `server 127.0.0.1:${eu1};`],
    ['server 127.0.0.1:3002; # yours', `server 127.0.0.1:${us1};`],
    ['listen 443 ssl; # yours', `listen 127.0.0.1:${outside};`],
    ['server_name broker.example.com; # yours', ''],
    ['ssl_certificate /etc/ssl/broker.example.com/fullchain.pem; # yours', ''],
    ['ssl_certificate_key /etc/ssl/broker.example.com/privkey.pem; # yours', ''],
    ['listen 10.0.0.10:8080; # yours', `listen 127.0.0.1:${inside};`],
  ]);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const paths = temporary.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n');
  const path = join(folder, 'nginx.conf');
  writeFileSync(
    path,
    `pid ${folder}/nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n${paths}\n${file}\n}\n`,
  );
  // As root it would start its workers as a user that cannot read the folder.
  const user = postgresUser();
  for (const kind of temporary) mkdirSync(join(folder, kind));
  if (user) for (const each of ['', ...temporary]) chownSync(join(folder, each), user.uid, user.gid);
  const child = spawn(PROGRAM, ['-p', folder, '-c', path, '-g', 'daemon off;'], {
    ...user,
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await until(() => {
    if (child.exitCode !== null) throw new Error(`nginx did not start:\n${log}`);
    return fetch(`http://127.0.0.1:${inside}/nothing`).then(Boolean, () => false);
  });
  return {
    stop: async () => {
      const end = once(child, 'exit');
      if (child.exitCode === null && child.kill('SIGTERM')) await end;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Lines that name a cell stay: the tests have the same two. */
function configured(text: string, changes: readonly (readonly [string, string])[]): string {
  let result = text;
  for (const [before, after] of changes) {
    if (result.split(before).length !== 2) throw new Error(`${FILE} does not hold this once: ${before}`);
    result = result.replace(before, () => after);
  }
  const left = result
    .split('\n')
    .filter((line) => line.endsWith('# yours') && !/\b(eu1|us1)\b|\$c;/.test(line));
  if (left.length > 0) throw new Error(`The test does not set: ${left.join('\n')}`);
  return result;
}
