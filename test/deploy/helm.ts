/** The real Helm on the chart: what it renders for some values. Owns the program and the parsing; knows nothing of the manifests. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';

const { findHelm } = (await import(resolve('scripts/helm.mjs'))) as { findHelm: () => string | null };
const HELM = findHelm();

/** Why tests with it are skipped, for their names; '' where it is there. */
export const WITHOUT_HELM = HELM === null ? ' (skipped: no Helm, `node scripts/helm.mjs` fetches it)' : '';

export const CHART = 'deploy/helm/token-broker';

/** What the chart requires. */
export const REQUIRED = {
  publicUrl: 'https://broker.example.com',
  image: { repository: 'registry.example.com/token-broker' },
  existingSecret: 'token-broker',
};

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { name: string; labels: Record<string, string>; annotations?: Record<string, string> };
  readonly spec: Record<string, unknown>;
  readonly data?: Record<string, string>;
}

export function helm(args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(HELM ?? '', args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  return { ok: status === 0, output: stdout, said: stderr };
}

/** @throws with what Helm says */
export function render(values: object = {}, ...args: string[]): Manifest[] {
  const file = join(mkdtempSync(join(tmpdir(), 'token-broker-values-')), 'values.yaml');
  writeFileSync(file, stringify({ ...REQUIRED, ...values }));
  const { ok, output, said } = helm([
    'template',
    'tb',
    CHART,
    '--namespace=apps',
    '--kube-version=1.34.0',
    `--values=${file}`,
    ...args,
  ]);
  if (!ok) throw new Error(said);
  return parseAllDocuments(output).flatMap((document) => {
    if (document.errors[0]) throw document.errors[0];
    return document.contents === null ? [] : [document.toJS() as Manifest];
  });
}

/** @throws when there is not exactly one */
export function one(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter(
    (each) => each.kind === kind && (name ?? each.metadata.name) === each.metadata.name,
  );
  if (found.length !== 1 || !found[0]) throw new Error(`There are ${found.length} of ${kind} ${name ?? ''}.`);
  return found[0];
}

/** What is at a path, such as `spec.template.spec.containers.0`: each kind has other fields. */
export function at(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce((inner: unknown, key) => (inner as Record<string, unknown> | undefined)?.[key], value);
}
