/**
 * The PostgreSQL of a worker of a cluster, killed with SIGKILL and started: TEST_CITUS_KILL and TEST_CITUS_START are commands for that, to
 * which its port is added. Without them nothing is killed.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const KILL = process.env['TEST_CITUS_KILL'];
const START = process.env['TEST_CITUS_START'];

export const canKillWorkers = KILL !== undefined && START !== undefined;

export const killWorker = (port: number) => run(KILL, port);
export const startWorker = (port: number) => run(START, port);

async function run(command: string | undefined, port: number): Promise<void> {
  await promisify(execFile)('sh', ['-c', `${command ?? 'false'} ${port}`]);
}
