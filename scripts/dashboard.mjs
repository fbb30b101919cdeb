// What deploy/helm/token-broker/files/dashboard.json is made of: every metric of docs/metrics.md, in rows of panels.
// `npm run generate:deploy` writes the file, which Grafana 10 or newer imports.

const RATE = '$__rate_interval';
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

const rate = (metric, by, filter = '') => `sum by (${by}) (rate(token_broker_${metric}${filter}[${RATE}]))`;
const max = (metric, by = '') => `max by (${by}) (token_broker_${metric})`;
const sum = (metric, by = '') => `sum by (${by}) (token_broker_${metric})`;
const quantile = (share, metric, by, filter = '') =>
  `histogram_quantile(${share}, ${rate(`${metric}_bucket`, ['le', by].filter(Boolean).join(', '), filter)})`;

/** Row, then [title, unit, [expression, legend]...]; units are Grafana's. */
const ROWS = {
  Calls: [
    [
      'Replicas',
      'none',
      ['count by (version, node) (token_broker_build_info)', '{{version}}, Node.js {{node}}'],
    ],
    [
      'Calls by where the answer is from',
      'reqps',
      [rate('http_request_duration_seconds_count', 'source'), '{{source}}'],
    ],
    [
      'Refusals and failures',
      'reqps',
      [rate('http_request_duration_seconds_count', 'code', '{code!="ok"}'), '{{code}}'],
    ],
    [
      'How long tokens take',
      's',
      [quantile(0.5, 'http_request_duration_seconds', 'source', '{source!="none"}'), 'p50, {{source}}'],
      [quantile(0.99, 'http_request_duration_seconds', 'source', '{source!="none"}'), 'p99, {{source}}'],
    ],
    [
      'Busiest routes',
      'reqps',
      [`topk(10, ${rate('http_request_duration_seconds_count', 'method, route')})`, '{{method}} {{route}}'],
    ],
    ['Over a rate limit', 'reqps', [rate('rate_limited_total', 'limit'), '{{limit}}']],
  ],
  Google: [
    ['Refreshes', 'reqps', [rate('google_refreshes_total', 'client, outcome'), '{{client}}: {{outcome}}']],
    [
      'Why refreshes gave no token',
      'reqps',
      [rate('google_refreshes_total', 'client, cause', '{outcome!="token"}'), '{{client}}: {{cause}}'],
    ],
    [
      'How long Google takes',
      's',
      [quantile(0.5, 'google_refresh_duration_seconds', 'client'), 'p50, {{client}}'],
      [quantile(0.99, 'google_refresh_duration_seconds', 'client'), 'p99, {{client}}'],
    ],
    [
      'Turns at Google',
      'none',
      [sum('google_queue_turns'), 'all'],
      [sum('google_queue_in_use', 'client'), '{{client}} taken'],
      [sum('google_queue_depth', 'client'), '{{client}} waiting'],
    ],
    [
      'Waiting for a turn',
      's',
      [quantile(0.99, 'google_queue_wait_seconds', 'client, outcome'), 'p99, {{client}}: {{outcome}}'],
    ],
    ['Circuit breakers', 'none', [sum('google_circuit_state', 'client, state'), '{{client}}: {{state}}']],
    [
      'Leases',
      'ops',
      [rate('refresh_leases_total', 'outcome'), '{{outcome}}'],
      [rate('refresh_leases_lost_total', ''), 'lost'],
      [sum('refresh_leases_held'), 'held now'],
    ],
  ],
  'Grants and connects': [
    ['Grants', 'none', [max('grants', 'client, status'), '{{client}}: {{status}}']],
    [
      'Grants that expire',
      'none',
      [max('grants_expiring', 'client, days'), '{{client}}, within {{days}} days'],
    ],
    [
      'Grants without tokens',
      'none',
      [max('grants_dead', 'cause, who_must_act'), '{{cause}}: {{who_must_act}}'],
    ],
    [
      'Accounts with nearly all refresh tokens taken',
      'none',
      [max('accounts_nearly_full', 'client'), '{{client}}'],
      ['max(token_broker_accounts_nearly_full_across_clients)', 'across all clients'],
      [`sum by (client) (increase(token_broker_slots_nearly_full_total[${RATE}]))`, '{{client}}, connects'],
      [
        `sum by (client) (increase(token_broker_account_slots_nearly_full_total[${RATE}]))`,
        '{{client}}, connects of accounts with many across all clients',
      ],
    ],
    ['Connects', 'cps', [rate('connects_total', 'outcome, cause'), '{{outcome}} {{cause}}']],
    ['Steps of connects', 'cps', [rate('connect_steps_total', 'step, outcome'), '{{step}}: {{outcome}}']],
    [
      'Security events of Google',
      'cps',
      [rate('security_events_total', 'event, outcome'), '{{event}}: {{outcome}}'],
    ],
    ['Services by last call', 'none', [max('services', 'last_used'), '{{last_used}}']],
    [
      'Figures from the database',
      's',
      ['time() - max(token_broker_grants_counted_timestamp_seconds)', 'age of the count of grants'],
      ['min(token_broker_store_figures_up)', 'could be read (1)'],
    ],
  ],
  'Records and keys': [
    ['Webhooks that wait', 'none', [max('webhook_backlog'), 'events']],
    ['Oldest webhook that waits', 's', [max('webhook_oldest_age_seconds'), 'age']],
    ['Webhooks', 'none', [max('webhook_receivers', 'state'), '{{state}}']],
    ['Webhook deliveries', 'cps', [rate('webhook_deliveries_total', 'outcome'), '{{outcome}}']],
    [
      'How long receivers take',
      's',
      [quantile(0.99, 'webhook_delivery_duration_seconds', 'outcome'), 'p99, {{outcome}}'],
    ],
    [
      'Audit events that wait',
      'none',
      ['token_broker_audit_queue_events', '{{instance}} {{worker}}'],
      [rate('audit_write_failures_total', 'instance'), '{{instance}}: failures a second'],
    ],
    [
      'Oldest audit event that waits',
      's',
      ['token_broker_audit_queue_age_seconds', '{{instance}} {{worker}}'],
    ],
    [
      'Stored data that was refused',
      'none',
      [`sum by (kind) (increase(token_broker_integrity_failures_total[${RATE}]))`, '{{kind}}'],
    ],
    ['Values sealed', 'ops', [rate('seals_total', 'key'), '{{key}}']],
    ['Use of keys, of 1', 'percentunit', [`${max('key_seals', 'key')} / 2 ^ 32`, '{{key}}']],
    [
      'Age of keys',
      's',
      ['time() - max by (key, use) (token_broker_key_created_timestamp_seconds)', '{{key}}: {{use}}'],
    ],
  ],
  Processes: [
    [
      'Caches',
      'none',
      [sum('cache_entries', 'cache'), '{{cache}}'],
      [sum('cache_max_entries', 'cache'), '{{cache}}, at most'],
    ],
    [
      'Hits of caches',
      'percentunit',
      [
        `${rate('cache_lookups_total', 'cache', '{result="hit"}')} / ${rate('cache_lookups_total', 'cache')}`,
        '{{cache}}',
      ],
    ],
    ['Evictions of caches', 'ops', [rate('cache_evictions_total', 'cache'), '{{cache}}']],
    [
      'Connections to PostgreSQL',
      'none',
      [sum('database_pool_connections', 'state'), '{{state}}'],
      [sum('database_pool_max_connections'), 'at most'],
      [sum('database_pool_waiting'), 'statements that wait'],
    ],
    [
      'Changes',
      's',
      ['token_broker_change_feed_heartbeat_age_seconds', '{{instance}} {{worker}}: since the last heartbeat'],
      ['token_broker_change_feed_lag_seconds', '{{instance}} {{worker}}: lag'],
    ],
    ['Changes are received', 'none', ['token_broker_change_feed_up', '{{instance}} {{worker}}']],
    ['Clock ahead of the database', 's', ['token_broker_clock_skew_seconds', '{{instance}} {{worker}}']],
    ['Newest migration', 'none', [max('schema_info', 'migration'), '{{migration}}']],
    [
      'Workers',
      'none',
      [sum('worker_up', 'instance'), '{{instance}}: up'],
      [
        `sum by (instance) (increase(token_broker_worker_restarts_total[${RATE}]))`,
        '{{instance}}: started again',
      ],
    ],
    [
      'Processor',
      'percentunit',
      [`rate(process_cpu_seconds_total{job=~".*token-broker.*"}[${RATE}])`, '{{instance}} {{worker}}'],
    ],
    [
      'Memory',
      'bytes',
      ['process_resident_memory_bytes{job=~".*token-broker.*"}', '{{instance}} {{worker}}'],
    ],
    [
      'Lag of the event loop, p99',
      's',
      ['nodejs_eventloop_lag_p99_seconds{job=~".*token-broker.*"}', '{{instance}} {{worker}}'],
    ],
  ],
};

const [WIDTH, HEIGHT] = [8, 8];

/** The dashboard as Grafana imports it. */
export function dashboard() {
  const panels = [];
  let y = 0;
  for (const [row, members] of Object.entries(ROWS)) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title: row,
      collapsed: false,
      gridPos: { x: 0, y, w: 24, h: 1 },
      panels: [],
    });
    y += 1;
    members.forEach(([title, unit, ...targets], index) => {
      const gridPos = { x: (index % 3) * WIDTH, y: y + Math.floor(index / 3) * HEIGHT, w: WIDTH, h: HEIGHT };
      panels.push(timeseries(panels.length + 1, title, unit, targets, gridPos));
    });
    y += Math.ceil(members.length / 3) * HEIGHT;
  }
  return {
    uid: 'token-broker',
    title: 'Token broker',
    tags: ['token-broker'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    timezone: '',
    templating: {
      list: [
        {
          name: 'datasource',
          label: 'Prometheus',
          type: 'datasource',
          query: 'prometheus',
          current: {},
          hide: 0,
        },
      ],
    },
    annotations: { list: [] },
    links: [],
    panels,
  };
}

function timeseries(id, title, unit, targets, gridPos) {
  return {
    id,
    type: 'timeseries',
    title,
    gridPos,
    datasource: DATASOURCE,
    fieldConfig: {
      defaults: { unit, custom: { fillOpacity: 10, lineWidth: 1, showPoints: 'never', spanNulls: false } },
      overrides: [],
    },
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
    targets: targets.map(([expr, legendFormat], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: DATASOURCE,
      expr,
      legendFormat,
      range: true,
    })),
  };
}
