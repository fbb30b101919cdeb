/** The chart, by the real Helm: what each template makes of its values. And what is generated of it is as it would be generated now. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { at, CHART, helm, type Manifest, one, render, REQUIRED, WITHOUT_HELM } from './helm.js';
import { ROUTES, samplePath } from './public-routes.js';

const { generated } = (await import(resolve('scripts/generate-deploy.mjs'))) as {
  generated: () => Record<string, string>;
};

const withHelm = WITHOUT_HELM === '' ? describe : describe.skip;

test.each(Object.entries(generated()))('%s is as `npm run generate:deploy` writes it', (path, text) => {
  expect(readFileSync(path, 'utf8')).toBe(text);
});

test('each value of the chart that has a comment of its own says what it is for in README.md', () => {
  const readme = readFileSync(`${CHART}/README.md`, 'utf8');
  const rows = readme.split('\n').filter((line) => line.startsWith('| '));
  expect(rows.length).toBeGreaterThan(50);
  expect(readme).toContain('| publicUrl | string | `""` | Required. Where browsers reach the broker');
  expect(readme).toContain('| migration.grantRuntime | string | `"token_broker"` | The role of the broker');
  expect(readme).not.toContain('{{');
});

/** Everything that is off by default. */
const ALL = {
  imagePullSecrets: [{ name: 'registry' }],
  secretFiles: {
    KEY_RING_FILE: 'key-ring.json',
    DATABASE_URL_FILE: 'database-url',
    CONSOLE_CLIENT_SECRET_FILE: 'console-secret',
  },
  clients: { default: 'client_secret.json', ads: 'ads.json' },
  settings: { LOG_LEVEL: 'warn', WORKERS: 2, NARROW_SCOPES: false, AUDIT_RETENTION_DAYS: 90 },
  extraEnv: [{ name: 'NODE_EXTRA_CA_CERTS', value: '/ca/ca.pem' }],
  extraVolumes: [{ name: 'ca', configMap: { name: 'ca' } }],
  extraVolumeMounts: [{ name: 'ca', mountPath: '/ca' }],
  nodeSelector: { disk: 'ssd' },
  tolerations: [{ key: 'dedicated', operator: 'Exists' }],
  affinity: { nodeAffinity: {} },
  priorityClassName: 'high',
  podAnnotations: { a: 'b' },
  podLabels: { team: 'access' },
  serviceAccount: { annotations: { a: 'b' } },
  service: { annotations: { a: 'b' } },
  ingress: { enabled: true, className: 'nginx', annotations: { a: 'b' }, tlsSecretName: 'tls' },
  httpRoute: { enabled: true, parentRefs: [{ name: 'gateway', namespace: 'edge' }], annotations: { a: 'b' } },
  autoscaling: { enabled: true },
  networkPolicy: { enabled: true, database: [{ ipBlock: { cidr: '10.1.0.0/16' } }] },
  serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
  prometheusRule: {
    enabled: true,
    labels: { release: 'prometheus' },
    runbookUrl: 'https://wiki.example.com/broker',
  },
  dashboard: { enabled: true },
};

/** By what the Services and policies find the pods. */
const selectorOf = (manifests: Manifest[]) =>
  at(one(manifests, 'Deployment'), 'spec.selector.matchLabels') as Record<string, string>;

withHelm(`the chart${WITHOUT_HELM}`, () => {
  let least: Manifest[];
  let all: Manifest[];
  beforeAll(() => {
    least = render();
    all = render(ALL);
  });

  test('passes `helm lint --strict`', () => {
    const required = [
      `--set=publicUrl=${REQUIRED.publicUrl}`,
      `--set=image.repository=${REQUIRED.image.repository}`,
      `--set=existingSecret=${REQUIRED.existingSecret}`,
    ];
    expect(helm(['lint', '--strict', CHART, ...required])).toMatchObject({ ok: true });
  });

  test('makes what is always there, and the rest only where it is asked for', () => {
    const kinds = (manifests: Manifest[]) => manifests.map(({ kind }) => kind).sort();
    const always = ['Deployment', 'Job', 'PodDisruptionBudget', 'Service', 'Service', 'ServiceAccount'];
    expect(kinds(least)).toEqual(always);
    const more = ['ConfigMap', 'HTTPRoute', 'HorizontalPodAutoscaler', 'Ingress', 'NetworkPolicy'];
    expect(kinds(all)).toEqual([...always, ...more, 'PrometheusRule', 'ServiceMonitor'].sort());
    const none = { migration: { enabled: false }, podDisruptionBudget: { enabled: false } };
    expect(kinds(render({ ...none, serviceAccount: { create: false } }))).toEqual([
      'Deployment',
      'Service',
      'Service',
    ]);
  });

  test.each([
    ['publicUrl', 'no origin', { publicUrl: 'https://broker.example.com/path' }],
    ['publicUrl', 'plain http', { publicUrl: 'http://broker.example.com' }],
    ['repository', 'an empty image', { image: { repository: '' } }],
    ['existingSecret', 'no Secret', { existingSecret: '' }],
    ['ADMIN_PORT', 'a setting that is the chart’s own', { settings: { ADMIN_PORT: 9001 } }],
    ['CONSOLE_CLIENT_SECRET', 'a secret in clear', { settings: { CONSOLE_CLIENT_SECRET: 'x' } }],
    ['clients', 'no client', { clients: { default: null } }],
    ['parentRefs', 'a route without a Gateway', { httpRoute: { enabled: true } }],
    ['ingres', 'a value that there is not', { ingres: { enabled: true } }],
  ])('refuses by its schema, naming %s, %s', (name, _, values) => {
    expect(() => render(values)).toThrow(name);
  });

  test('puts every resource into the namespace of the release, with the labels that Kubernetes recommends', () => {
    for (const { metadata } of all) {
      expect(metadata).toMatchObject({ namespace: 'apps' });
      expect(metadata.labels).toMatchObject({
        'app.kubernetes.io/name': 'token-broker',
        'app.kubernetes.io/instance': 'tb',
        'app.kubernetes.io/version': '0.1.0',
      });
    }
  });

  describe('deployment.yaml', () => {
    const pod = (manifests: Manifest[]) => at(one(manifests, 'Deployment'), 'spec.template.spec');
    const container = (manifests: Manifest[]) => at(pod(manifests), 'containers.0');
    const env = (manifests: Manifest[]) =>
      Object.fromEntries(
        (at(container(manifests), 'env') as Record<string, string>[]).map(
          ({ name = '', value = '' }): [string, string] => [name, value],
        ),
      ) as Record<string, string>;

    test('runs without privileges, and without a token of Kubernetes', () => {
      expect(pod(least)).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: {
          runAsNonRoot: true,
          runAsUser: 65532,
          fsGroup: 65532,
          seccompProfile: { type: 'RuntimeDefault' },
        },
      });
      expect(at(container(least), 'securityContext')).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(readFileSync('Dockerfile', 'utf8')).toContain('USER 65532:65532');
    });

    test('gives the broker its settings, and secrets by file only', () => {
      expect(env(least)).toEqual({
        PUBLIC_URL: 'https://broker.example.com',
        ADMIN_PORT: '9000',
        KEY_RING_FILE: '/run/secrets/token-broker/key-ring.json',
        DATABASE_URL_FILE: '/run/secrets/token-broker/database-url',
        GOOGLE_CLIENT_SECRETS: 'default=/run/secrets/token-broker/client_secret.json',
      });
      expect(env(all)).toMatchObject({
        CONSOLE_CLIENT_SECRET_FILE: '/run/secrets/token-broker/console-secret',
        GOOGLE_CLIENT_SECRETS:
          'ads=/run/secrets/token-broker/ads.json,default=/run/secrets/token-broker/client_secret.json',
        LOG_LEVEL: 'warn',
        WORKERS: '2',
        NARROW_SCOPES: 'false',
        NODE_EXTRA_CA_CERTS: '/ca/ca.pem',
      });
    });

    test('listens where the settings say, as pods with IPv6 addresses only need it', () => {
      expect(env(render({ settings: { HOST: '::' } }))).toMatchObject({ HOST: '::' });
    });

    test('mounts what it names and nothing else, so that no other user reads it and changes arrive', () => {
      const keys = ['ads.json', 'client_secret.json', 'console-secret', 'database-url', 'key-ring.json'];
      expect(at(pod(all), 'volumes.0.secret')).toEqual({
        secretName: 'token-broker',
        defaultMode: 0o440,
        items: keys.map((key) => ({ key, path: key })),
      });
      expect(JSON.stringify(at(container(all), 'volumeMounts'))).not.toContain('subPath');
    });

    test('stops after a sleep; before Kubernetes 1.30 after a delay of the broker’s own', () => {
      expect(pod(least)).toMatchObject({ terminationGracePeriodSeconds: 25 });
      expect(at(container(least), 'lifecycle')).toEqual({ preStop: { sleep: { seconds: 10 } } });
      const old = render({}, '--kube-version=1.29.0');
      expect(container(old)).not.toHaveProperty('lifecycle');
      expect(env(old)).toMatchObject({ SHUTDOWN_DELAY_SECONDS: '10' });
      const own = render({ settings: { SHUTDOWN_DELAY_SECONDS: 20 }, shutdownDelaySeconds: 0 });
      expect(pod(own)).toMatchObject({ terminationGracePeriodSeconds: 35 });
      expect(container(own)).not.toHaveProperty('lifecycle');
    });

    test('is live while the process answers and ready while it can serve; a new version comes before an old one goes', () => {
      const live = { httpGet: { path: '/health/live', port: 'http' } };
      expect(container(least)).toMatchObject({
        startupProbe: live,
        livenessProbe: live,
        readinessProbe: { httpGet: { path: '/health/ready', port: 'http' } },
      });
      const strategy = at(one(least, 'Deployment'), 'spec.strategy.rollingUpdate');
      expect(strategy).toEqual({ maxSurge: 1, maxUnavailable: 0 });
    });

    test('spreads the pods over zones and nodes', () => {
      const matchLabels = selectorOf(least);
      expect(at(pod(least), 'topologySpreadConstraints')).toMatchObject(
        ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'].map((topologyKey) => ({
          topologyKey,
          labelSelector: { matchLabels },
        })),
      );
      expect(pod(render({ topologySpreadConstraints: [] }))).not.toHaveProperty('topologySpreadConstraints');
    });

    test('takes an image by tag or by digest, and where it runs from the values', () => {
      const image = (values: object) => at(container(render(values)), 'image');
      const { repository } = REQUIRED.image;
      const digest = `sha256:${'a'.repeat(64)}`;
      expect(image({})).toBe(`${repository}:0.1.0`);
      expect(image({ image: { repository, tag: '1.2.3' } })).toBe(`${repository}:1.2.3`);
      expect(image({ image: { repository, tag: '1.2.3', digest } })).toBe(`${repository}@${digest}`);
      const { imagePullSecrets, nodeSelector, tolerations, affinity, priorityClassName } = ALL;
      expect(pod(all)).toMatchObject({
        imagePullSecrets,
        nodeSelector,
        tolerations,
        affinity,
        priorityClassName,
      });
      expect(at(one(all, 'Deployment'), 'spec.template.metadata')).toMatchObject({
        annotations: ALL.podAnnotations,
        labels: ALL.podLabels,
      });
    });
  });

  test('migration-job.yaml migrates before the pods, as the owner, with the retention of the broker', () => {
    const job = one(all, 'Job');
    expect(job.metadata.annotations).toMatchObject({ 'helm.sh/hook': 'pre-install,pre-upgrade' });
    const pod = at(job, 'spec.template.spec');
    expect(at(pod, 'containers.0.args')).toEqual([
      'migrate',
      '--wait',
      '60',
      '--grant-runtime',
      'token_broker',
    ]);
    expect(at(pod, 'containers.0.env')).toEqual([
      { name: 'DATABASE_URL_FILE', value: '/run/secrets/token-broker/owner-database-url' },
      { name: 'AUDIT_RETENTION_DAYS', value: '90' },
      ...ALL.extraEnv,
    ]);
    const owner = { key: 'owner-database-url', path: 'owner-database-url' };
    expect(at(pod, 'volumes.0.secret.items')).toEqual([owner]);
    expect(at(pod, 'automountServiceAccountToken')).toBe(false);
    // At the first install there is no ServiceAccount of the chart yet.
    expect(pod).not.toHaveProperty('serviceAccountName');
    expect(at(job, 'spec.template.metadata.labels')).not.toMatchObject(selectorOf(all));
    const asOwner = render({ migration: { grantRuntime: '', databaseUrlKey: 'database-url' } });
    const args = at(one(asOwner, 'Job'), 'spec.template.spec.containers.0.args');
    expect(args).toEqual(['migrate', '--wait', '60']);
  });

  test('service.yaml gives the API and the admin port a Service each', () => {
    const selector = selectorOf(all);
    expect(one(all, 'Service', 'tb-token-broker').spec).toEqual({
      type: 'ClusterIP',
      selector,
      ports: [{ name: 'http', port: 80, targetPort: 'http' }],
    });
    expect(one(all, 'Service', 'tb-token-broker-admin').spec).toEqual({
      selector,
      ports: [{ name: 'admin', port: 9000, targetPort: 'admin' }],
    });
  });

  test('serviceaccount.yaml makes one that mounts no token', () => {
    expect(one(all, 'ServiceAccount')).toMatchObject({ automountServiceAccountToken: false });
    const other = render({ serviceAccount: { create: false, name: 'other' } });
    expect(at(one(other, 'Deployment'), 'spec.template.spec.serviceAccountName')).toBe('other');
  });

  const matches = (type: string, value: string, path: string) =>
    type === 'Exact' ? path === value : path === value || path.startsWith(`${value}/`);

  test('ingress.yaml and httproute.yaml pass through what browsers and Google need, and nothing else', () => {
    const ingress = one(all, 'Ingress');
    const route = one(all, 'HTTPRoute');
    expect(at(ingress, 'spec.rules.0.host')).toBe('broker.example.com');
    expect(at(route, 'spec.hostnames')).toEqual(['broker.example.com']);
    interface Path {
      path: string;
      pathType: string;
    }
    const rules = at(ingress, 'spec.rules.0.http.paths') as Path[];
    const paths = rules.map(({ path, pathType }) => [pathType, path]);
    interface Match {
      path: { type: string; value: string };
    }
    const same = (at(route, 'spec.rules.0.matches') as Match[]).map(({ path }) => [
      path.type.replace('PathPrefix', 'Prefix'),
      path.value,
    ]);
    expect(same).toEqual(paths);
    const passes = (path: string) => paths.some(([type = '', value = '']) => matches(type, value, path));
    const passed = ROUTES.filter(({ path }) => passes(samplePath(path)));
    expect(passed.map(({ path }) => path)).toEqual(
      ROUTES.filter(({ isPublic }) => isPublic).map(({ path }) => path),
    );
    for (const path of ['/metrics', '/docs', '/console', '/health/ready']) expect(passes(path)).toBe(false);
    expect(at(route, 'spec.rules.0.backendRefs')).toEqual([{ name: 'tb-token-broker', port: 80 }]);
    expect(at(ingress, 'spec.tls')).toEqual([{ hosts: ['broker.example.com'], secretName: 'tls' }]);
  });

  test('hpa.yaml scales the Deployment, which then has no number of its own', () => {
    expect(one(all, 'HorizontalPodAutoscaler').spec).toMatchObject({
      scaleTargetRef: { kind: 'Deployment', name: one(all, 'Deployment').metadata.name },
      minReplicas: 2,
      maxReplicas: 6,
    });
    expect(one(least, 'Deployment').spec).toMatchObject({ replicas: 2 });
    expect(one(all, 'Deployment').spec).not.toHaveProperty('replicas');
  });

  test('pdb.yaml lets one pod go at a time, and pods that are not ready always', () => {
    expect(one(least, 'PodDisruptionBudget').spec).toEqual({
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: selectorOf(least) },
    });
  });

  test('networkpolicy.yaml lets callers to the API, operators to the admin port, and the broker to PostgreSQL and Google', () => {
    const { ingress, egress, podSelector } = one(all, 'NetworkPolicy').spec;
    expect(podSelector).toEqual({ matchLabels: selectorOf(all) });
    expect(ingress).toEqual([
      { from: [{ namespaceSelector: {} }], ports: [{ port: 'http' }] },
      {
        from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
        ports: [{ port: 'admin' }],
      },
    ]);
    expect(egress).toMatchObject([
      { ports: [{ port: 53 }, { port: 53 }] },
      { ports: [{ port: 443 }] },
      { ports: [{ port: 5432 }], to: [{ ipBlock: { cidr: '10.1.0.0/16' } }] },
    ]);
    // What the documentation of the KMS says to add, as it stands there.
    const [, section = ''] = readFileSync('docs/configuration.md', 'utf8').split('### A wrapped key ring');
    const [, example = ''] = /```yaml\n(.*?)```/s.exec(section) ?? [];
    const reachesMetadata = render(parse(example) as object);
    expect((one(reachesMetadata, 'NetworkPolicy').spec['egress'] as unknown[]).slice(3)).toEqual([
      {
        to: [{ ipBlock: { cidr: '169.254.169.254/32' } }],
        ports: [
          { port: 80, protocol: 'TCP' },
          { port: 8080, protocol: 'TCP' },
        ],
      },
      {
        to: [{ ipBlock: { cidr: '169.254.169.252/32' } }],
        ports: [
          { port: 987, protocol: 'TCP' },
          { port: 988, protocol: 'TCP' },
        ],
      },
    ]);
    // A rule without `from` would allow every source.
    const closed = render({ networkPolicy: { enabled: true, callers: [], admins: [] } });
    expect(one(closed, 'NetworkPolicy').spec['ingress'] ?? []).toEqual([]);
  });

  test('servicemonitor.yaml finds the Service of the admin port', () => {
    const monitor = one(all, 'ServiceMonitor');
    const matchLabels = at(monitor, 'spec.selector.matchLabels') as Record<string, string>;
    expect(one(all, 'Service', 'tb-token-broker-admin').metadata.labels).toMatchObject(matchLabels);
    expect(one(all, 'Service', 'tb-token-broker').metadata.labels).not.toMatchObject(matchLabels);
    expect(monitor.spec['endpoints']).toEqual([{ port: 'admin', path: '/metrics', interval: '30s' }]);
  });

  test('prometheusrule.yaml and dashboard.yaml hold the files, with the address of the runbook', () => {
    const file = readFileSync(`${CHART}/files/alerts.yaml`, 'utf8');
    expect(one(all, 'PrometheusRule').spec).toEqual(
      parse(
        file.replaceAll(
          'https://runbooks.example.com/token-broker/operations.md',
          ALL.prometheusRule.runbookUrl,
        ),
      ),
    );
    const { data, metadata } = one(all, 'ConfigMap');
    expect(metadata.labels).toMatchObject({ grafana_dashboard: '1' });
    expect(JSON.parse(data?.['token-broker.json'] ?? '')).toEqual(
      JSON.parse(readFileSync(`${CHART}/files/dashboard.json`, 'utf8')),
    );
  });
});
