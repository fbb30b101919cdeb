/** The alert rules and the dashboard: by promtool where it is there, and against docs/metrics.md and docs/operations.md. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { CHART } from './helm.js';

const ALERTS = `${CHART}/files/alerts.yaml`;
const DASHBOARD = `${CHART}/files/dashboard.json`;
const CASES = 'test/deploy/alerts.test.yaml';

const read = (path: string) => readFileSync(path, 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { severity: string };
  readonly annotations: { summary: string; runbook_url: string };
}
const rules = (parse(read(ALERTS)) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules);

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { x: number; y: number; w: number; h: number };
  readonly targets?: { expr: string }[];
}
const { panels } = JSON.parse(read(DASHBOARD)) as { panels: Panel[] };
const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

/** The metrics of the broker in expressions; series of a histogram by the name of the histogram. */
const named = (texts: readonly string[]) =>
  [...new Set(texts.flatMap((text) => text.match(/\btoken_broker_\w+/g) ?? []))]
    .map((name) => name.replace(/(_seconds)_(bucket|count|sum)$/, '$1'))
    .filter((name, index, all) => all.indexOf(name) === index)
    .sort();

const documented = [...read('docs/metrics.md').matchAll(/^\| `(token_broker_\w+)`/gm)].map(
  ([, name = '']) => name,
);

describe('the metrics', () => {
  test('that alerts and the dashboard name are in docs/metrics.md', () => {
    const unknown = named([...rules.map(({ expr }) => expr), ...expressions]).filter(
      (name) => !documented.includes(name),
    );
    expect(unknown).toEqual([]);
  });

  test('of docs/metrics.md are all on the dashboard', () => {
    expect(documented.length).toBeGreaterThan(10);
    expect(documented.filter((name) => !named(expressions).includes(name))).toEqual([]);
  });
});

test('the panels of the dashboard have titles and ids of their own, and do not overlap', () => {
  for (const value of ['id', 'title'] as const) {
    expect(new Set(panels.map((panel) => panel[value])).size).toBe(panels.length);
  }
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
});

describe.each(rules)('the alert $alert', ({ alert, labels, annotations }) => {
  test('has a severity, a sentence, and a section of the runbook to which it leads', () => {
    expect(['critical', 'warning', 'info']).toContain(labels.severity);
    expect(annotations.summary).toMatch(/\.$/);
    const [page, anchor] = annotations.runbook_url.split('#');
    expect(page).toBe('https://runbooks.example.com/token-broker/operations.md');
    expect(anchor).toBe(alert.toLowerCase());
    expect(read('docs/operations.md')).toMatch(new RegExp(`^### ${alert}$`, 'm'));
  });

  test('is made to fire, and to stay silent, in test/deploy/alerts.test.yaml', () => {
    const { tests } = parse(read(CASES)) as {
      tests: { alert_rule_test: { alertname: string; exp_alerts?: unknown[] }[] }[];
    };
    const cases = tests
      .flatMap((each) => each.alert_rule_test)
      .filter(({ alertname }) => alertname === alert);
    const fires = cases.map(({ exp_alerts = [] }) => exp_alerts.length > 0);
    expect(new Set(fires)).toEqual(new Set([true, false]));
  });
});

const PROMTOOL = spawnSync('promtool', ['--version']).status === 0;
const withPromtool = PROMTOOL ? test : test.skip;

withPromtool('promtool accepts the rules, and what they do (skipped without promtool)', () => {
  const check = spawnSync('promtool', ['check', 'rules', '--lint-fatal', ALERTS], { encoding: 'utf8' });
  expect({ status: check.status, said: check.stderr }).toEqual({ status: 0, said: '' });
  const run = spawnSync('promtool', ['test', 'rules', CASES], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stdout + run.stderr);
});

withPromtool('Prometheus can read each expression of the dashboard (skipped without promtool)', () => {
  const rule = (expr: string, index: number) => ({
    record: `panel:${index}`,
    expr: expr.replaceAll('$__rate_interval', '5m'),
  });
  const file = join(mkdtempSync(join(tmpdir(), 'token-broker-rules-')), 'rules.yaml');
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: expressions.map(rule) }] }));
  const { status, stderr } = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' });
  expect({ status, said: stderr }).toEqual({ status: 0, said: '' });
});
