import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatMetrics } from './prometheus-text.ts';

test('metrics are text as Prometheus reads it', () => {
  const text = formatMetrics([
    { name: 'a_total', type: 'counter', help: 'One\nof \\ two', samples: [{ value: 3 }] },
    {
      name: 'b_bytes',
      type: 'gauge',
      help: 'B',
      samples: [
        { labels: { path: 'a\\b"c\nd', kind: 'x' }, value: 1.5 },
        { labels: { kind: 'y' }, value: 0 },
      ],
    },
    { name: 'c', type: 'gauge', help: 'Nothing', samples: [] },
  ]);
  assert.equal(
    text,
    String.raw`# HELP a_total One\nof \\ two
# TYPE a_total counter
a_total 3
# HELP b_bytes B
# TYPE b_bytes gauge
b_bytes{path="a\\b\"c\nd",kind="x"} 1.5
b_bytes{kind="y"} 0
`,
  );
});
