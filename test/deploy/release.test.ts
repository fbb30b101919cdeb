/** What a release is made of: the workflow, the list of packages and their licences, and the packed command line. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { emptyDatabase } from '../cli/token-broker.js';

const { licences, isAllowed } = (await import(resolve('scripts/licences.mjs'))) as {
  licences: (lockfile: unknown) => Record<string, Set<string>>;
  isAllowed: (licence: string) => boolean;
};
const shipped = licences(JSON.parse(readFileSync('package-lock.json', 'utf8')));

interface Step {
  name?: string;
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}
interface Workflow {
  permissions: Record<string, string>;
  jobs: Record<string, { permissions?: Record<string, string>; 'timeout-minutes': number; steps: Step[] }>;
}
const WORKFLOWS = readdirSync('.github/workflows').map((name) => join('.github/workflows', name));

describe.each(WORKFLOWS)('%s', (path) => {
  const text = readFileSync(path, 'utf8');
  const { permissions, jobs } = parse(text) as Workflow;
  const steps = Object.values(jobs).flatMap((job) => job.steps);

  test('uses actions by commit, and may by default only read', () => {
    for (const [line, version = ''] of text.matchAll(/uses: .*?( # v[\d.]+)?$/gm)) {
      expect(line).toMatch(/@[0-9a-f]{40} # v\d/);
      expect(version).not.toBe('');
    }
    expect(permissions).toEqual({ contents: 'read' });
    for (const job of Object.values(jobs)) expect(job['timeout-minutes']).toBeGreaterThan(0);
    expect(text).not.toContain('pull_request_target');
  });

  test('has scripts that Bash can read', () => {
    for (const { run: input } of steps.filter(({ run }) => run !== undefined)) {
      const script = (input ?? '').replaceAll(/\$\{\{.*?\}\}/g, 'x');
      expect(spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' }).stderr).toBe('');
    }
  });
});

describe('the release', () => {
  const { release } = (parse(readFileSync('.github/workflows/release.yml', 'utf8')) as Workflow).jobs;
  const at = (part: string) =>
    (release?.steps ?? []).findIndex((step) => JSON.stringify(step).includes(part));

  test('checks the packages before it builds, builds the same image twice before it pushes, and signs what it pushed', () => {
    const order = [
      'npm audit --omit=dev',
      'npm run --silent licences',
      'npm run --silent sbom',
      'npm pack',
      'rewrite-timestamp=true\\" .',
      'docker/build-push-action@',
      'cosign sign --yes \\"$IMAGE@',
      'helm package',
      'cosign sign-blob',
      'gh release create',
    ].map(at);
    expect(order.filter((place) => place < 0)).toEqual([]);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    const push = release?.steps[at('docker/build-push-action@')]?.with;
    expect(push).toMatchObject({ provenance: 'mode=max', platforms: 'linux/amd64,linux/arm64' });
  });

  test('runs no install script of a package', () => {
    const scripts = [readFileSync('Dockerfile', 'utf8'), JSON.stringify(release)].join('\n');
    const installs = scripts.match(/npm ci [^\\\n]*/g) ?? [];
    expect(installs.length).toBeGreaterThan(2);
    for (const install of installs) expect(install).toContain('--ignore-scripts');
  });
});

test('each package that is shipped has a licence that is allowed', () => {
  expect(Object.keys(shipped).filter((licence) => !isAllowed(licence))).toEqual([]);
  expect([...(shipped['MIT'] ?? [])].some((name) => name.startsWith('@nestjs/core@'))).toBe(true);
  expect(['GPL-3.0', 'none named', '(MIT AND GPL-2.0)'].map(isAllowed)).toEqual([false, false, false]);
  expect(['(MIT OR GPL-3.0)', '(MIT AND 0BSD)'].map(isAllowed)).toEqual([true, true]);
});

test('npm itself lists what is shipped as CycloneDX, with a licence and a checksum for each package', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/sbom.mjs'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const { bomFormat, metadata, components } = JSON.parse(stdout) as {
    bomFormat: string;
    metadata: { component: { name: string; type: string } };
    components: { name: string; version: string; group?: string; hashes?: unknown[] }[];
  };
  expect(bomFormat).toBe('CycloneDX');
  expect(metadata.component).toMatchObject({ name: 'token-broker', type: 'application' });
  const listed = new Set(
    components.map(
      ({ group, name, version }) => `${group === undefined ? '' : `${group}/`}${name}@${version}`,
    ),
  );
  const missing = Object.values(shipped)
    .flatMap((names) => [...names])
    .filter((name) => !listed.has(name));
  expect(missing).toEqual([]);
  expect(components.filter(({ hashes }) => hashes === undefined)).toEqual([]);
  expect([...listed].some((name) => name.startsWith('jest@'))).toBe(false);
});

test('the packed command line holds the bundle and the migrations, and runs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-pack-'));
  const pack = spawnSync('npm', ['pack', '--json', '--pack-destination', folder], { encoding: 'utf8' });
  expect(pack.status).toBe(0);
  const [{ filename, files } = { filename: '', files: [] }] = JSON.parse(pack.stdout) as {
    filename: string;
    files: { path: string }[];
  }[];
  const others = files
    .map(({ path }) => path)
    .filter((path) => !/^(dist\/bundle|prisma\/migrations)\//.test(path));
  expect(others.sort()).toEqual(['LICENSE', 'README.md', 'package.json']);
  expect(spawnSync('tar', ['-xzf', join(folder, filename), '-C', folder]).status).toBe(0);
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  const main = join(folder, 'package', 'dist', 'bundle', 'cli', 'main.js');
  const ring = join(folder, 'key-ring.json');
  const run = spawnSync(process.execPath, [main, 'keys', 'generate', '--out', ring], { encoding: 'utf8' });
  expect({ status: run.status, said: run.stderr }).toEqual({ status: 0, said: '' });
});

test('the command line alone is a small package that installs without a network, and runs', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'token-broker-cli-pack-'));
  const pack = spawnSync(process.execPath, ['scripts/pack-cli.mjs', folder], { encoding: 'utf8' });
  expect({ status: pack.status, said: pack.stdout.trim() }).toEqual({
    status: 0,
    said: 'token-broker-cli-0.1.0.tgz',
  });
  const install = ['install', '--offline', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', folder];
  const installed = spawnSync('npm', [...install, join(folder, 'token-broker-cli-0.1.0.tgz')], {
    encoding: 'utf8',
  });
  expect({ status: installed.status, said: installed.stderr }).toEqual({ status: 0, said: '' });
  // As docs/cli.md has it.
  const npx = [
    '--offline',
    '--yes',
    './token-broker-cli-0.1.0.tgz',
    'generate-user-credentials',
    '-c',
    'nowhere.json',
  ];
  const once = spawnSync('npx', npx, { cwd: folder, encoding: 'utf8' });
  expect({ status: once.status, said: once.stderr }).toEqual({
    status: 13,
    said: expect.stringContaining('nowhere.json cannot be read'),
  });

  const paths = readdirSync(join(folder, 'node_modules'), { recursive: true, encoding: 'utf8' });
  const bytes = paths.map((path) => statSync(join(folder, 'node_modules', path)));
  const size = bytes.filter((each) => each.isFile()).reduce((sum, each) => sum + each.size, 0);
  expect(size).toBeLessThan(60 * 2 ** 20);
  expect(paths.filter((path) => /sandbox|stand-in|\.map$/.test(path))).toEqual([]);

  const run = (args: string[], env: Record<string, string> = {}) => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(folder, 'node_modules', '.bin', 'token-broker'), ...args],
      { cwd: folder, env, encoding: 'utf8' },
    );
    return { status, stdout, stderr };
  };
  expect(run(['--version'])).toEqual({ status: 0, stdout: '0.1.0\n', stderr: '' });
  expect(run(['generate-user-credentials', '-c', 'nowhere.json'])).toMatchObject({ status: 13, stdout: '' });
  // Finds its migrations, and the engine that applies them.
  expect(run(['migrate'], { DATABASE_URL: await emptyDatabase() })).toMatchObject({ status: 0 });
}, 60_000);
