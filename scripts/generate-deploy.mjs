// `npm run generate:deploy`: writes what in deploy/ follows from something else: the dashboard, the chart's README and the plain
// manifests. test/deploy/chart.test.ts compares them. The README has the form of helm-docs, which needs Go; this needs nothing.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments, parseDocument, stringify } from 'yaml';
import { dashboard } from './dashboard.mjs';
import { findHelm } from './helm.mjs';

const root = join(import.meta.dirname, '..');
export const CHART = 'deploy/helm/token-broker';
const DASHBOARD = `${CHART}/files/dashboard.json`;
const README = `${CHART}/README.md`;
/** What the manifests are rendered from. */
export const PLAIN_VALUES = 'deploy/kubernetes/values.yaml';

const read = (path) => readFileSync(join(root, path), 'utf8');

/** The files, by path. Without Helm, those that need none. */
export function generated() {
  const helm = findHelm();
  return {
    [DASHBOARD]: `${JSON.stringify(dashboard(), null, 2)}\n`,
    [README]: readme(),
    ...(helm === null ? {} : manifests(helm)),
  };
}

/** As helm-docs makes it: each value by its path, with the comment above it that begins with `--`. */
function readme() {
  const rows = valueRows(parseDocument(read(`${CHART}/values.yaml`)).contents, '');
  const table = rows
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, type, value, description]) => `| ${key} | ${type} | \`${value}\` | ${description} |`);
  return read(`${CHART}/README.md.gotmpl`)
    .replaceAll('{{ template "chart.name" . }}', parse(read(`${CHART}/Chart.yaml`)).name)
    .replaceAll('{{ template "chart.description" . }}', parse(read(`${CHART}/Chart.yaml`)).description)
    .replace(
      '{{ template "chart.valuesTable" . }}',
      ['| Key | Type | Default | Description |', '| --- | --- | --- | --- |', ...table].join('\n'),
    );
}

function valueRows(map, prefix) {
  return map.items.flatMap(({ key, value }, index) => {
    const path = prefix === '' ? key.value : `${prefix}.${key.value}`;
    // The comment above the first key of a map is kept with the map.
    const comment = key.commentBefore ?? (index === 0 ? map.commentBefore : undefined) ?? '';
    const [, description] = /(?:^|\n) -- ([^]*)$/.exec(comment) ?? [];
    const plain = value.toJSON();
    const isParent = plain !== null && typeof plain === 'object' && !Array.isArray(plain);
    if (isParent && description === undefined && Object.keys(plain).length > 0) return valueRows(value, path);
    const type = Array.isArray(plain)
      ? 'list'
      : isParent
        ? 'object'
        : ({ number: 'int', boolean: 'bool' }[typeof plain] ?? 'string');
    return [
      [
        path,
        type,
        JSON.stringify(plain).replaceAll('|', '\\|'),
        (description ?? '').replaceAll(/\s*\n\s*/g, ' '),
      ],
    ];
  });
}

/** The chart without what only Helm reads: labels of its own, and hooks. */
function manifests(helm) {
  const documents = parseAllDocuments(render(helm, PLAIN_VALUES)).map((document) => document.toJSON());
  for (const { metadata, spec } of documents) {
    for (const labels of [metadata.labels, spec?.template?.metadata.labels]) {
      if (labels === undefined) continue;
      delete labels['helm.sh/chart'];
      delete labels['app.kubernetes.io/managed-by'];
    }
    for (const name of Object.keys(metadata.annotations ?? {})) {
      if (name.startsWith('helm.sh/')) delete metadata.annotations[name];
    }
    if (Object.keys(metadata.annotations ?? {}).length === 0) delete metadata.annotations;
  }
  const job = documents.filter(({ kind }) => kind === 'Job');
  const others = documents.filter(({ kind }) => kind !== 'Job');
  const says = `# Rendered from the chart with ${PLAIN_VALUES} by \`npm run generate:deploy\`. docs/operations.md says how to apply it.\n`;
  const text = (members) =>
    says +
    members.map((each) => `---\n${stringify(each, { lineWidth: 0, aliasDuplicateObjects: false })}`).join('');
  return {
    'deploy/kubernetes/migrate.yaml': text(job),
    'deploy/kubernetes/token-broker.yaml': text(others),
  };
}

/** @throws with what Helm says */
export function render(helm, ...valueFiles) {
  const { status, stdout, stderr } = spawnSync(
    helm,
    [
      'template',
      'token-broker',
      CHART,
      '--namespace',
      'token-broker',
      '--kube-version',
      '1.34.0',
      ...valueFiles.flatMap((path) => ['--values', path]),
    ],
    { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 },
  );
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

if (import.meta.filename === process.argv[1]) {
  const files = generated();
  for (const [path, text] of Object.entries(files)) writeFileSync(join(root, path), text);
  if (findHelm() === null)
    console.error('Helm is missing (`node scripts/helm.mjs`): the manifests stay as they are.');
}
