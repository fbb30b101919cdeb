/**
 * The manifests against the schemas of Kubernetes 1.34, of Gateway API and of the Prometheus operator, as packages of npm have them:
 * values by the validators, and fields that there are not by the types.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { parseAllDocuments } from 'yaml';
import { at, type Manifest, render, WITHOUT_HELM } from './helm.js';

/** Where each kind is declared. */
const MODULES: Readonly<Record<string, string>> = {
  'gateway.networking.k8s.io': '@kubernetes-models/gateway-api',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
};

const moduleOf = ({ apiVersion, kind }: Manifest) =>
  `${MODULES[apiVersion.split('/')[0] ?? ''] ?? 'kubernetes-models'}/${apiVersion}/${kind}`;

/** What its schema says against it; '' where nothing. */
async function faultOf(manifest: Manifest): Promise<string> {
  const models = (await import(moduleOf(manifest))) as Record<
    string,
    new (data: Manifest) => { validate(): void }
  >;
  const Model = models[manifest.kind];
  if (Model === undefined) throw new Error(`There is no model of ${manifest.kind}.`);
  try {
    new Model(manifest).validate();
    return '';
  } catch (error) {
    return `${manifest.kind}: ${(error as Error).message}`;
  }
}

/** The compiler's errors about the manifests as literals: a field that a type does not have is one. */
function typeFaults(manifests: readonly Manifest[]): string[] {
  const lines = manifests.map(
    (manifest, index) =>
      `import type { I${manifest.kind} as T${index} } from '${moduleOf(manifest)}';\n` +
      `export const manifest${index}: T${index} = ${JSON.stringify(manifest)};\n`,
  );
  const file = join(process.cwd(), 'test', 'deploy', 'manifests-in-memory.ts');
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2024,
    strict: true,
    skipLibCheck: true,
    noEmit: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const onDisk = ts.createCompilerHost(options);
  host.fileExists = (path) => path === file || onDisk.fileExists(path);
  host.getSourceFile = (path, ...rest) =>
    path === file
      ? ts.createSourceFile(path, lines.join(''), ts.ScriptTarget.ES2024)
      : onDisk.getSourceFile(path, ...rest);
  const program = ts.createProgram([file], options, host);
  return program
    .getSemanticDiagnostics(program.getSourceFile(file))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

const PLAIN = ['deploy/kubernetes/token-broker.yaml', 'deploy/kubernetes/migrate.yaml'];
const plain = PLAIN.flatMap((path) =>
  parseAllDocuments(readFileSync(path, 'utf8')).map((document) => document.toJS() as Manifest),
);

test('the plain manifests fit the schemas', async () => {
  expect(plain.length).toBeGreaterThan(7);
  expect((await Promise.all(plain.map(faultOf))).join('')).toBe('');
  expect(typeFaults(plain)).toEqual([]);
});

test('a value of the wrong kind and a field that there is not are found', async () => {
  const broken = structuredClone(plain.find(({ kind }) => kind === 'Deployment'));
  if (!broken) throw new Error('There is no Deployment.');
  broken.spec['replicas'] = 'two';
  expect(await faultOf(broken)).toMatch(/spec\/replicas must be integer/);
  broken.spec['replicas'] = 2;
  const pod = at(broken, 'spec.template.spec') as Record<string, unknown>;
  pod['terminationGracePeriod'] = 25;
  expect(typeFaults([broken]).join()).toMatch(/"terminationGracePeriod".* does not exist in type 'IPodSpec'/);
});

const withHelm = WITHOUT_HELM === '' ? describe : describe.skip;

withHelm(`what the chart makes with everything on${WITHOUT_HELM}`, () => {
  test('fits the schemas', async () => {
    const manifests = render({
      ingress: { enabled: true, className: 'nginx', tlsSecretName: 'tls' },
      httpRoute: { enabled: true, parentRefs: [{ name: 'gateway', namespace: 'edge' }] },
      autoscaling: { enabled: true },
      networkPolicy: { enabled: true, database: [{ ipBlock: { cidr: '10.1.0.0/16' } }] },
      serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
      prometheusRule: { enabled: true },
      dashboard: { enabled: true },
    });
    expect(manifests.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['HTTPRoute', 'PrometheusRule']),
    );
    expect((await Promise.all(manifests.map(faultOf))).join('')).toBe('');
    expect(typeFaults(manifests)).toEqual([]);
  });
});
