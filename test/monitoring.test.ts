// What config/monitoring asks of Prometheus, held against the metrics that there are.
import { load } from 'js-yaml';
import type { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';

import { servedResources } from '../src/face/discovery.ts';
import { FaceMetrics } from '../src/observability/face-metrics.ts';
import { Metrics } from '../src/observability/metrics.ts';
import { anchorsOf, matches, quotedIn, read, table } from './support/documents.ts';
import { parseQuery, type Selector } from './support/promql.ts';

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Group {
  readonly name: string;
  readonly rules: readonly Alert[];
}

interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  readonly datasource: object;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: object;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
}

/** What Prometheus adds to everything that it reads from a pod. */
const targetLabels = ['namespace', 'pod', 'container', 'job', 'instance'];
/** The variable that people choose it by. */
const dataSource = '$'.concat('{datasource}');
const seconds = ['_bucket', '_sum', '_count'];

/** The labels of each series that is served, by its name. */
const series = await seriesOf([new Metrics().registry, new FaceMetrics().registry]);
/** Metrics of the API server itself that alerts ask for, with their labels. */
const foreign: ReadonlyMap<string, readonly string[]> = new Map([
  ['aggregator_unavailable_apiservice', ['name']],
]);
/** Words that the documents have for values of labels, and what the API face serves. */
const knownValues = new Set([
  ...servedResources.map(({ name }) => name),
  ...['metrics', 'api-face-metrics', 'conditions'].flatMap((name) =>
    quotedIn(read(`docs/reference/${name}.md`)),
  ),
]);

const { groups } = load(read('config/monitoring/rules.yaml')) as { groups: readonly Group[] };
const alerts = groups.flatMap(({ rules }) => rules.map((rule) => [rule.alert, rule] as const));
const dashboard = JSON.parse(read('config/monitoring/dashboard.json')) as Dashboard;
const panels = dashboard.panels
  .filter(({ type }) => type !== 'row')
  .map((panel) => [panel.title, panel] as const);

describe('the alerts', () => {
  it('are the same for Prometheus and for its operator', () => {
    const { kind, spec } = load(read('config/monitoring/prometheus-rule.yaml')) as {
      kind: string;
      spec: object;
    };
    expect({ kind, spec }).toEqual({ kind: 'PrometheusRule', spec: { groups } });
  });

  it('have names of their own', () => {
    expect(alerts.length).toBeGreaterThan(10);
    expect(new Set(alerts.map(([name]) => name)).size).toBe(alerts.length);
    expect(new Set(groups.map(({ name }) => name)).size).toBe(groups.length);
  });

  it.each(alerts)('%s asks for what is there', (_, { expr }) => {
    expect(faultsOf(expr)).toEqual([]);
  });

  it.each(alerts)('%s says what it is, how bad, and what to do', (name, rule) => {
    const { labels, annotations } = rule;
    const { summary = '', description = '', runbook_url: runbook = '' } = annotations;
    expect(Object.keys(rule).filter((key) => !ruleKeys.has(key))).toEqual([]);
    expect(['critical', 'warning', 'info']).toContain(labels['severity']);
    expect(rule.for ?? '1m').toMatch(/^\d+[mh]$/);
    expect(summary).not.toBe('');
    expect(description).not.toBe('');
    const [path = '', anchor = ''] = runbook.split('#');
    expect(anchor).toBe(name.toLowerCase());
    expect(anchorsOf(read(path))).toContain(anchor);
    // What a text shows has to be left by the expression.
    const shown = matches(summary + description, /\$labels\.(\w+)/g);
    expect(shown.filter((label) => !labelsLeftBy(rule.expr).includes(label))).toEqual([]);
  });

  it('are in docs/how-to/monitoring.md', () => {
    const rows = table('docs/how-to/monitoring.md', ['Alert', 'Severity', 'What it means']);
    expect(rows.map((cells) => cells.slice(0, 2))).toEqual(
      alerts.map(([name, { labels }]) => [`\`${name}\``, labels['severity']]),
    );
  });
});

describe('the dashboard', () => {
  it.each(panels)('asks for what is there: %s', (_, { targets = [] }) => {
    expect(targets.length).toBeGreaterThan(0);
    for (const { expr, legendFormat } of targets) {
      const asked = withoutVariables(expr);
      expect(faultsOf(asked)).toEqual([]);
      const shown = matches(legendFormat, /\{\{(\w+)\}\}/g);
      expect(shown.filter((label) => !labelsLeftBy(asked).includes(label))).toEqual([]);
    }
  });

  it('shows every metric', () => {
    const asked = panels.flatMap(([, { targets = [] }]) =>
      targets.flatMap(({ expr }) => parseQuery(withoutVariables(expr)).selectors.map(({ metric }) => metric)),
    );
    const shown = new Set(asked.map((name) => name.replace(/_bucket$/, '')));
    const names = [...series.keys()].filter((name) => !seconds.some((suffix) => name.endsWith(suffix)));
    const histograms = [...series.keys()].flatMap((name) => matches(name, /^(.+)_bucket$/g));
    expect([...names, ...histograms].filter((name) => !shown.has(name))).toEqual([]);
  });

  it('has what Grafana wants: names, numbers and places of their own, and variables that there are', () => {
    const { uid, title, schemaVersion, templating } = dashboard;
    expect(uid).toMatch(/^[\w-]{1,40}$/);
    expect(title).not.toBe('');
    expect(schemaVersion).toBeGreaterThanOrEqual(36);
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const variables = new Set(['__rate_interval', '__all', ...templating.list.map(({ name }) => name)]);
    const used = matches(JSON.stringify(dashboard), /\$\{?(\w+)/g);
    expect(used.filter((name) => !variables.has(name))).toEqual([]);
    for (const [, { datasource, targets = [] }] of panels) {
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      const sources = [datasource, ...targets.map((target) => target.datasource)];
      for (const source of sources) expect(source).toEqual({ type: 'prometheus', uid: dataSource });
    }
  });

  it('has no panel over another one', () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      expect(x + w).toBeLessThanOrEqual(24);
      return Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`);
    });
    expect(new Set(cells).size).toBe(cells.length);
  });
});

describe('the check of expressions', () => {
  it.each([
    { name: 'what is no PromQL', expr: 'sum by (shard (imagestream_leader)', want: /^at \d+/ },
    {
      name: 'a metric that is not there',
      expr: 'imagestream_leaders == 0',
      want: /^no metric imagestream_leaders/,
    },
    {
      name: 'a histogram without its buckets',
      expr: 'imagestream_push_seen_lag_seconds',
      want: /^no metric/,
    },
    { name: 'a label that is not there', expr: 'imagestream_leader{shards="0"}', want: /no label shards/ },
    {
      name: 'a label that is not there to sum by',
      expr: 'sum by (host) (imagestream_queue_depth)',
      want: /no label host/,
    },
    {
      name: 'a value that no document knows',
      expr: 'rate(imagestream_reconcile_total{result=~"failure|failures"}[5m])',
      want: /^no value failures/,
    },
  ])('finds $name', ({ expr, want }) => {
    expect(faultsOf(expr)).toEqual([expect.stringMatching(want)]);
  });
});

const ruleKeys = new Set(['alert', 'expr', 'for', 'labels', 'annotations']);

/** What is wrong with an expression, in words. */
function faultsOf(expr: string): readonly string[] {
  const { faults, selectors, groupings } = parseQuery(expr);
  if (faults.length > 0) return faults.slice(0, 1);
  const unknown = selectors.filter(({ metric }) => !series.has(metric) && !foreign.has(metric));
  if (unknown.length > 0) return unknown.map(({ metric }) => `no metric ${metric}`);
  return [
    ...selectors.flatMap((selector) =>
      selector.matchers.flatMap(({ label, values }) => {
        if (!labelsOf(selector).includes(label)) return [`${selector.metric}: no label ${label}`];
        if (targetLabels.includes(label)) return [];
        return values.filter((value) => !isKnown(value)).map((value) => `no value ${value} of ${label}`);
      }),
    ),
    ...groupings.flatMap(({ labels, over }) =>
      over.flatMap((selector) =>
        labels
          .filter((label) => !labelsOf(selector).includes(label))
          .map((label) => `${selector.metric}: no label ${label}`),
      ),
    ),
  ];
}

function isKnown(value: string): boolean {
  return knownValues.has(value) || /^\d{3}$/.test(value);
}

function labelsOf({ metric }: Selector): readonly string[] {
  return [...(series.get(metric) ?? foreign.get(metric) ?? []), ...targetLabels];
}

/** The labels of what comes out: those of the outermost grouping, or of the metric when nothing is grouped. */
function labelsLeftBy(expr: string): readonly string[] {
  const { selectors, groupings } = parseQuery(expr);
  const [outermost] = groupings;
  if (outermost !== undefined) return outermost.labels;
  return /\bsum\b|\bmax\b|\babsent\b/.test(expr) ? [] : selectors.flatMap(labelsOf);
}

function withoutVariables(expr: string): string {
  return expr.replaceAll('$__rate_interval', '5m').replaceAll('$namespace', '.*');
}

async function seriesOf(registries: readonly Registry[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const all = await Promise.all(registries.map((registry) => namesOf(registry)));
  return new Map(all.flat());
}

async function namesOf(registry: Registry): Promise<readonly (readonly [string, readonly string[]])[]> {
  const registered = await registry.getMetricsAsJSON();
  return registered.flatMap(({ name, type }) => {
    // The library keeps the labels on the metric, and does not say so in its types.
    const { labelNames } = registry.getSingleMetric(name) as unknown as { labelNames: readonly string[] };
    if (String(type) !== 'histogram') return [[name, labelNames] as const];
    return seconds.map(
      (suffix) => [`${name}${suffix}`, suffix === '_bucket' ? [...labelNames, 'le'] : labelNames] as const,
    );
  });
}
