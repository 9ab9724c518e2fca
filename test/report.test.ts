/**
 * Shows that a report says all it must, escapes what it quotes, needs nothing from elsewhere and
 * comes out byte for byte the same; that the terminal table fits every terminal; that `compare`
 * finds a planted change and does not take noise for one; and that empty and null results break
 * none of them.
 *
 *     npx ava test/report.test.ts
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Experiment } from '../lab/experiment.ts';
import { compareResults, comparisonText } from '../lab/report/compare.ts';
import { reportHtml } from '../lab/report/html.ts';
import { reportMarkdown } from '../lab/report/markdown.ts';
import { outagesOf, renderPlot } from '../lab/report/plot.ts';
import { reportContent, terminalTable, writeReport } from '../lab/report/report.ts';
import { factorLabel, factorText, shortMs, shortNumber } from '../lab/report/table.ts';
import type { Factors, Manifest, Metrics, ResultDocument, Row, Timeline } from '../lab/results.ts';
import { between, fork, type RandomState } from '../src/raft/random.ts';

// --- A made-up result that looks like a real one -------------------------------------------------

/** About normal with mean 0 and deviation 1: twelve uniforms less six. */
function noise(rng: RandomState): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += between(rng, 0, 1_000_000) / 1_000_000;
  return sum;
}

function sampleMetrics(
  nodes: number,
  loss: number,
  outstanding: number,
  rng: RandomState,
): Metrics {
  const roundTripMs = nodes === 1 ? 0.06 : 0.16 + 0.03 * nodes;
  const p50 = (roundTripMs + outstanding * 0.0028 * nodes ** 0.4) * (1 + loss * 9);
  const slow = (1 + 12 * loss) * (1 + 0.04 * noise(rng));
  const latencyMsP50 = p50 * (1 + 0.03 * noise(rng));
  const latencyMsP99 = latencyMsP50 * (2.2 + (nodes > 1 ? 60 * loss : 0)) * slow;
  const committedOpsPerSecond = (outstanding / latencyMsP50) * 1000 * (1 + 0.02 * noise(rng));
  const messagesSent = nodes === 1 ? 0 : Math.round(committedOpsPerSecond * 0.4 * nodes);
  return {
    committedOpsPerSecond,
    latencyMsP50,
    latencyMsP90: latencyMsP50 * 1.6,
    latencyMsP99,
    latencyMsP999: latencyMsP99 * 2.5,
    latencyMsMax: latencyMsP99 * 6,
    failed: 0,
    unknown: nodes > 1 && loss > 0.1 ? between(rng, 0, 3) : 0,
    leaderChanges: nodes > 1 && loss > 0.1 ? between(rng, 0, 2) : 0,
    messagesSent,
    messagesDropped: Math.round(messagesSent * loss),
    bytesSent: messagesSent * 160,
    acknowledgedWritesLost: 0,
    writesAppliedTwice: 0,
    replicasEqual: true,
  };
}

type Sweep = { nodes: number[]; losses: number[]; outstandings: number[]; trials: number };

const SWEEP: Sweep = {
  nodes: [1, 3, 5, 7],
  losses: [0, 0.01, 0.05, 0.2],
  outstandings: [1, 256],
  trials: 3,
};

function sampleResult(seed: number, sweep: Sweep = SWEEP): ResultDocument {
  const rng = fork(seed, 'sample');
  const rows: Row[] = [];
  for (const nodes of sweep.nodes)
    for (const loss of sweep.losses)
      for (const outstanding of sweep.outstandings)
        for (let trial = 0; trial < sweep.trials; trial++) {
          const factors: Factors = {
            nodes,
            loss,
            outstanding,
            clients: 1,
            delayMs: 0,
            readRatio: 0,
            valueBytes: 64,
            keys: 100_000,
            preVote: true,
            crashEveryS: null,
          };
          const metrics = sampleMetrics(nodes, loss, outstanding, rng);
          rows.push({ factors, trial, seed: between(rng, 0, 0xffffffff), metrics, audit: 'ok' });
        }
  return { schemaVersion: 1, experiment: 'throughput', rows };
}

function sampleTimeline(): Timeline {
  const rng = fork(7, 'timeline');
  const bands: Timeline['bands'] = [
    { kind: 'crash', nodes: ['n1'], fromMs: 2000, toMs: 3500 },
    { kind: 'pause', nodes: ['n3'], fromMs: 5000, toMs: 6000 },
    { kind: 'partition', nodes: ['n1', 'n2'], fromMs: 8000, toMs: 9500 },
  ];
  const points = Array.from({ length: 220 }, (_, i) => {
    const atMs = i * 50;
    const out = (atMs >= 2000 && atMs < 2350) || (atMs >= 8000 && atMs < 8250);
    const hurt = bands.some((band) => atMs >= band.fromMs && atMs < band.toMs);
    const opsPerSecond = out ? 0 : 180_000 * (hurt ? 0.82 : 1) * (1 + 0.04 * noise(rng));
    const latencyMsP50 = out ? null : (hurt ? 1.6 : 1.3) * (1 + 0.04 * noise(rng));
    const back = atMs === 2350 || atMs === 8250;
    const latencyMsP99 =
      latencyMsP50 === null ? null : back ? 320 : latencyMsP50 * 2.4 * (1 + 0.1 * noise(rng));
    return { atMs, opsPerSecond, latencyMsP50, latencyMsP99 };
  });
  return { bucketMs: 50, points, bands };
}

function timelineResult(): ResultDocument {
  const metrics = sampleMetrics(5, 0, 256, fork(3, 'timeline'));
  const factors = { nodes: 5, loss: 0, outstanding: 256 };
  const row = { factors, trial: 0, seed: 99, metrics, audit: 'ok', timeline: sampleTimeline() };
  return { schemaVersion: 1, experiment: 'faults', rows: [row] };
}

const EXPERIMENT: Experiment = {
  question: 'How do cluster size and message loss bound throughput and latency?',
  caveats: [
    'All nodes share one machine and its two cores, so that more nodes leave less to each.',
    'Nothing is written to a disk: a persist costs a copy into shared memory.',
  ],
  host: 'threads',
  trials: 3,
  durationS: 1.5,
  fixed: { valueBytes: 64, keys: 100_000 },
  vary: { nodes: [1, 3, 5, 7], loss: [0, 0.01, 0.05, 0.2], outstanding: [1, 256] },
  quick: { trials: 1 },
  plots: [
    {
      kind: 'lines',
      file: 'throughput',
      title: 'Throughput by cluster size',
      x: 'nodes',
      y: ['committedOpsPerSecond'],
      lines: 'loss',
      panels: 'outstanding',
    },
    {
      kind: 'lines',
      file: 'latency',
      title: 'Latency by cluster size',
      x: 'nodes',
      y: ['latencyMsP50', 'latencyMsP99'],
      lines: 'loss',
      panels: 'outstanding',
      scale: 'log',
    },
  ],
};

const FAULTS_EXPERIMENT: Experiment = {
  ...EXPERIMENT,
  question: 'What do clients see while a node crashes, one pauses and two are cut off?',
  trials: 1,
  durationS: 11,
  vary: { nodes: [5] },
  faults: [
    { atMs: 2000, fault: { kind: 'crash', node: 'leader' }, forMs: 1500 },
    { atMs: 5000, fault: { kind: 'pause', node: 'follower' }, forMs: 1000 },
    {
      atMs: 8000,
      fault: {
        kind: 'partition',
        groups: [
          ['n1', 'n2'],
          ['n3', 'n4', 'n5'],
        ],
      },
    },
  ],
  plots: [{ kind: 'timeline', file: 'timeline', title: 'One run, second by second' }],
};

const MANIFEST: Manifest = {
  schemaVersion: 1,
  experiment: 'throughput',
  commit: '1a2b3c4d5e6f',
  nodeVersion: 'v24.21.0',
  machine: { platform: 'linux', arch: 'x64', cpu: 'Example CPU @ 2.5 GHz', cores: 2, memoryGiB: 8 },
  command: 'npm run experiment -- throughput --seed 1',
  seed: 1,
  startedAt: '2025-01-01T00:00:00.000Z',
  finishedAt: '2025-01-01T00:03:20.000Z',
};

// --- end of the made-up result -------------------------------------------------------------------

async function reportFiles(
  name: string,
  experiment: Experiment,
  result: ResultDocument,
): Promise<Map<string, string>> {
  const directory = await mkdtemp(join(tmpdir(), 'report-'));
  try {
    const path = await writeReport(directory, name, experiment, result, MANIFEST);
    const files = new Map<string, string>();
    for (const file of (await readdir(directory)).sort()) {
      files.set(file, await readFile(join(directory, file), 'utf8'));
    }
    return files.set('path', path.slice(directory.length + 1));
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** A copy in which the audit of one row failed with `audit`. */
function withFailure(result: ResultDocument, index: number, audit: string): ResultDocument {
  return { ...result, rows: result.rows.map((row, i) => (i === index ? { ...row, audit } : row)) };
}

/** A copy in which a metric of the rows that `chosen` picks is multiplied. */
function scaled(
  result: ResultDocument,
  metric: 'committedOpsPerSecond' | 'latencyMsP99',
  factor: number,
  chosen: (row: Row) => boolean,
): ResultDocument {
  const change = (row: Row): Row => ({
    ...row,
    metrics: { ...row.metrics, [metric]: (row.metrics[metric] ?? 0) * factor },
  });
  return { ...result, rows: result.rows.map((row) => (chosen(row) ? change(row) : row)) };
}

const NOTHING_COMPLETED = {
  committedOpsPerSecond: 0,
  latencyMsP50: null,
  latencyMsP90: null,
  latencyMsP99: null,
  latencyMsP999: null,
  latencyMsMax: null,
  messagesSent: 0,
  messagesDropped: 0,
};

function withoutOperations(result: ResultDocument): ResultDocument {
  const rows = result.rows.map((row) => ({
    ...row,
    metrics: { ...row.metrics, ...NOTHING_COMPLETED },
  }));
  return { ...result, rows };
}

const REPORT = reportFiles('throughput', EXPERIMENT, sampleResult(1));

test('what is missing of a sweep comes first, before answer and audit', (t) => {
  const plan = { digest: 'feed', seed: 1, trials: 3, durationS: 1.5, fixed: {}, vary: {} };
  const whole = { ...sampleResult(1), part: { index: 1, of: 1, plan } };
  const told: readonly (readonly [ResultDocument, RegExp])[] = [
    [{ ...whole, part: { index: 2, of: 8, plan } }, /part 2 of 8 of the sweep \(plan feed\) alone/],
    [{ ...whole, missing: ['part 2 of 8 is missing, with 12 trials'] }, /part 2 of 8 is missing/],
  ];
  for (const [document, expected] of told) {
    const content = reportContent('throughput', EXPERIMENT, document, MANIFEST);
    for (const [text, verdict] of [
      [reportMarkdown(content), '> ✅'],
      [reportHtml(content, document), 'banner passed'],
    ] as const) {
      const place = text.search(expected);
      t.true(place > 0 && place < text.indexOf(verdict), text.slice(0, 2000));
      t.regex(text, /incomplete/i);
    }
  }
  const complete = reportContent('throughput', EXPERIMENT, whole, MANIFEST);
  t.notRegex(reportMarkdown(complete), /INCOMPLETE/);
});

test('a report is page, Markdown, a picture per plot, result and manifest', async (t) => {
  const files = await REPORT;
  t.deepEqual(
    [...files.keys()].sort(),
    [
      'latency.svg',
      'manifest.json',
      'path',
      'report.html',
      'report.md',
      'results.json',
      'throughput.svg',
    ],
    'nothing temporary is left behind',
  );
  t.is(files.get('path'), 'report.html');
  t.deepEqual(JSON.parse(files.get('results.json') ?? ''), sampleResult(1));
  t.deepEqual(JSON.parse(files.get('manifest.json') ?? ''), MANIFEST);
  const rowLines = (files.get('results.json') ?? '')
    .split('\n')
    .filter((l) => l.includes('"seed"'));
  t.is(rowLines.length, 96);
});

test('page and Markdown have every section and every fact', async (t) => {
  const files = await REPORT;
  for (const file of ['report.html', 'report.md']) {
    const text = files.get(file) ?? '';
    const expected = [
      EXPERIMENT.question,
      'All 96 trials passed the audit',
      'The fastest cluster',
      'Set-up',
      'Throughput by cluster size',
      'Latency by cluster size',
      'its bar the 95 % interval',
      'Results, cell by cell',
      'What this does not show',
      EXPERIMENT.caveats[0] ?? '',
      '1a2b3c4d5e6f',
      'v24.21.0',
      'Example CPU @ 2.5 GHz',
      MANIFEST.command,
    ];
    for (const fact of expected) t.true(text.includes(fact), `${file} should say: ${fact}`);
    t.notRegex(text, /NaN|undefined|Infinity|\[object/);
  }
});

test('the page needs nothing from elsewhere: no script, source, link or style', async (t) => {
  const html = (await REPORT).get('report.html') ?? '';
  t.notRegex(html, /<script|<link|<iframe|<img|@import|url\(/i);
  t.notRegex(html, /\s(src|href|srcset|xlink:href)=/i);
  const addresses = html.match(/https?:\/\/[^"'\s<]+/g) ?? [];
  t.deepEqual([...new Set(addresses)], ['http://www.w3.org/2000/svg']);
  t.regex(html, /prefers-color-scheme:dark/);
  t.regex(html, /@media print/);
  t.regex(html, /name="viewport"/);
});

test('equal input gives equal bytes', async (t) => {
  const again = await reportFiles('throughput', EXPERIMENT, sampleResult(1));
  t.deepEqual(again, await REPORT);
});

test('what is quoted is escaped', async (t) => {
  const evil = '<script>alert("1" & \'2\')</script>';
  const experiment: Experiment = {
    ...EXPERIMENT,
    question: evil,
    caveats: [evil],
    fixed: { note: evil },
    plots: EXPERIMENT.plots.map((spec) => ({ ...spec, title: evil })),
  };
  const base = sampleResult(1, { ...SWEEP, nodes: [3], trials: 1 });
  const rows = base.rows.map((row) => ({ ...row, factors: { ...row.factors, note: evil } }));
  const files = await reportFiles(evil, experiment, withFailure({ ...base, rows }, 0, evil));
  for (const file of ['report.html', 'throughput.svg']) {
    t.notRegex(files.get(file) ?? '', /<script/);
    t.true((files.get(file) ?? '').includes('&lt;script&gt;'), file);
  }
  t.notRegex((files.get('report.md') ?? '').replace(/`[^`]*`/g, ''), /<script/);
});

test('a failed audit stands at the top with cell, trial and what did not hold', async (t) => {
  const result = withFailure(sampleResult(1), 40, 'write 17 was lost');
  const files = await reportFiles('throughput', EXPERIMENT, result);
  const seed = result.rows[40]?.seed;
  const where = `nodes 3 · loss 5 % · outstanding 256 · trial 1 (seed ${seed})`;
  const failure = `${where}: write 17 was lost`;
  for (const file of ['report.html', 'report.md']) {
    const text = files.get(file) ?? '';
    t.true(text.includes('1 of 96 trials failed the audit.'), file);
    t.true(text.includes(failure), file);
    t.true(text.includes('FAILED 1/3'), file);
    t.false(text.includes('passed the audit'), file);
  }
  t.regex(files.get('report.html') ?? '', /class="banner failed"/);
});

test('a time line shows its faults and the time in which nothing completed', async (t) => {
  const result = timelineResult();
  const svg = renderPlot(
    FAULTS_EXPERIMENT.plots[0] ?? { kind: 'timeline', file: '', title: '' },
    result,
  );
  for (const label of ['crash: n1', 'pause: n3', 'cut off: n1 n2', '350 ms', '250 ms']) {
    t.true(svg.includes(`>${label}<`), label);
  }
  t.deepEqual(outagesOf(sampleTimeline()), [
    { fromMs: 2000, toMs: 2350 },
    { fromMs: 8000, toMs: 8250 },
  ]);
  const html = (await reportFiles('faults', FAULTS_EXPERIMENT, result)).get('report.html') ?? '';
  t.true(html.includes('<strong>600 ms</strong> in all'));
  t.true(html.includes('under the crash of n1'));
});

test('a plot is a whole SVG with a line per value, a panel per value and metric', (t) => {
  const [, latency] = EXPERIMENT.plots;
  if (latency === undefined) return t.fail('the sample has two plots');
  for (const layout of ['wide', 'narrow'] as const) {
    const svg = renderPlot(latency, sampleResult(1), layout);
    t.regex(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="[-\d ]+"/);
    t.is(svg.match(/aria-label="line"/g)?.length, 4 * 4);
    for (const label of ['outstanding 1', 'outstanding 256', 'Latency p50, ms', '20 %', 'nodes']) {
      t.true(svg.includes(`>${label}<`), label);
    }
  }
});

test('a factor that varies beside the plot gets panels instead of being averaged away', (t) => {
  const [spec] = EXPERIMENT.plots;
  if (spec?.kind !== 'lines') return t.fail('the first plot has lines');
  const svg = renderPlot({ ...spec, x: 'loss', lines: 'outstanding' }, sampleResult(1));
  for (const nodes of [1, 3, 5, 7]) t.true(svg.includes(`nodes ${nodes}<`));
});

test('the terminal table never exceeds its width and keeps what matters most', (t) => {
  const result = withFailure(sampleResult(1), 40, 'acknowledged write 17 was lost at index 1204');
  for (let columns = 60; columns <= 160; columns++) {
    const lines = terminalTable(result, EXPERIMENT, columns).split('\n');
    for (const line of lines) t.true(line.length <= columns, `${columns}: ${line}`);
    for (const head of ['nodes', 'loss', 'outstanding', 'ops/s', 'p50', 'audit']) {
      t.true(lines[0]?.includes(head), `${head} at ${columns} columns`);
    }
    t.is(lines.filter((line) => line.startsWith('FAILED')).length, 1);
    t.is(lines.filter((line) => line.includes('FAILED 1/3')).length, 1);
    t.true(lines.join(' ').replace(/\s+/g, ' ').includes('17 was lost at index 1204'));
  }
  const wide = terminalTable(result, EXPERIMENT, 160).split('\n')[0] ?? '';
  for (const head of ['±', 'p99', 'dropped', 'changes', 'failed', 'unknown', 'lost']) {
    t.true(wide.includes(head), head);
  }
});

test('factors that do not vary have no column, except the number of nodes', (t) => {
  const result = sampleResult(1, { ...SWEEP, nodes: [3], outstandings: [1] });
  const head = terminalTable(result, EXPERIMENT, 120).split('\n')[0] ?? '';
  t.regex(head, /^nodes +loss +ops\/s/);
});

test('numbers are short, and round up into the next unit', (t) => {
  const written = [0, 7, 98.34, 999.6, 1234, 312_400, 999_950, 1.5e6].map(shortNumber);
  t.deepEqual(written, ['0', '7', '98.3', '1.00k', '1.23k', '312k', '1.00M', '1.50M']);
  t.deepEqual([0.0824, 0.5, 1.239, 45.67, 1240.4].map(shortMs), [
    '0.082',
    '0.50',
    '1.24',
    '45.7',
    '1240',
  ]);
  t.deepEqual([shortNumber(null), shortMs(Number.NaN)], ['–', '–']);
});

test('factors read as words and values with units', (t) => {
  const written: [string, Row['factors'][string], string][] = [
    ['loss', 0.05, 'loss 5 %'],
    ['delayMs', 5, 'delay 5 ms'],
    ['electionTimeoutMs', '150-300', 'election timeout 150-300 ms'],
    ['valueBytes', 64, 'value size 64 B'],
    ['keys', 100_000, 'keys 100k'],
    ['window', 1024, 'window 1024'],
    ['rate', null, 'rate closed'],
    ['rate', 20_000, 'rate 20k/s'],
    ['crashEveryS', 0, 'crash every never'],
    ['checkQuorum', true, 'check quorum on'],
  ];
  for (const [name, value, expected] of written) {
    t.is(`${factorLabel(name)} ${factorText(name, value)}`, expected);
  }
});

test('compare finds a planted change, first, and only there', (t) => {
  const before = sampleResult(1);
  const planted = (row: Row): boolean => row.factors.nodes === 5 && row.factors.loss === 0.05;
  const after = scaled(sampleResult(1), 'committedOpsPerSecond', 0.5, planted);
  const comparison = compareResults(before, after);
  const changed = comparison.changes.filter((each) => each.verdict !== 'no clear change');
  t.is(comparison.cells, 32);
  t.is(changed.length, 2);
  t.deepEqual(comparison.changes.slice(0, 2), changed);
  for (const each of changed) {
    t.is(each.verdict, 'lower');
    t.is(each.metric, 'committedOpsPerSecond');
    t.true(Math.abs((each.ratio ?? 0) - 0.5) < 1e-9);
    t.true((each.high ?? 0) < 0);
  }
  const text = comparisonText(comparison, 100);
  t.regex(text, /^32 cells compared: ops\/s is higher in 0 and lower in 2; p50 shows no clear/);
  for (const line of text.split('\n')) t.true(line.length <= 100, line);
});

test('compare takes noise for a change no more often than its intervals allow', (t) => {
  let changed = 0;
  let compared = 0;
  for (let seed = 10; seed < 20; seed++) {
    const { changes } = compareResults(sampleResult(seed), sampleResult(seed + 100));
    changed += changes.filter((each) => each.verdict !== 'no clear change').length;
    compared += changes.length;
  }
  // 960 comparisons of equal distributions: 48 expected, deviation 6.8; five deviations of room.
  t.is(compared, 960);
  t.true(changed < 48 + 5 * 6.8, `${changed} of ${compared} called changed`);
});

test('compare lists cells and factors that one side lacks, and audits that changed', (t) => {
  const before = sampleResult(1, { ...SWEEP, nodes: [1, 3] });
  const more = sampleResult(1, { ...SWEEP, nodes: [3, 5] });
  const rows = more.rows.map((row) => ({ ...row, factors: { ...row.factors, window: 8 } }));
  const after = withFailure({ ...more, rows }, 0, 'a write was lost');
  const comparison = compareResults(before, after);
  t.is(comparison.cells, 8);
  t.deepEqual([comparison.onlyBefore.length, comparison.onlyAfter.length], [8, 8]);
  t.deepEqual(comparison.factorsOnlyAfter, ['window']);
  t.is(comparison.audits.length, 1);
  const text = comparisonText(comparison, 200);
  t.regex(text, /AUDIT CHANGED \(nodes 3 · .*\): before ok; after 1 of 3 trials failed: a write/);
  t.regex(text, /Factors only after: window\./);
  t.regex(text, /Cell only before: nodes 1/);
});

test('a factor that varies on one side alone leaves nothing to match', (t) => {
  const before = sampleResult(1, { ...SWEEP, nodes: [3] });
  const rows = [8, 64].flatMap((window) =>
    before.rows.map((row) => ({ ...row, factors: { ...row.factors, window } })),
  );
  const comparison = compareResults(before, { ...before, rows });
  t.is(comparison.cells, 0);
  t.deepEqual([comparison.onlyBefore.length, comparison.onlyAfter.length], [8, 16]);
  t.regex(comparisonText(comparison, 80), /share no cell/);
});

test('nothing completed, a single trial, or no rows at all break nothing', async (t) => {
  const results: Record<string, ResultDocument> = {
    'no rows': { schemaVersion: 1, experiment: 'throughput', rows: [] },
    'no operations': withoutOperations(sampleResult(1)),
    'one trial': sampleResult(1, { nodes: [3], losses: [0], outstandings: [1], trials: 1 }),
  };
  const experiment = {
    ...EXPERIMENT,
    plots: [...EXPERIMENT.plots, ...FAULTS_EXPERIMENT.plots],
  };
  for (const [name, result] of Object.entries(results)) {
    const files = await reportFiles('throughput', experiment, result);
    const table = terminalTable(result, experiment, 80);
    const comparison = comparisonText(compareResults(result, sampleResult(2)), 80);
    const backwards = comparisonText(compareResults(sampleResult(2), result), 80);
    for (const text of [...files.values(), table, comparison, backwards]) {
      t.notRegex(text, /NaN|undefined|Infinity/, name);
    }
    for (const line of [table, comparison, backwards].join('\n').split('\n')) {
      t.true(line.length <= 80, line);
    }
  }
});
