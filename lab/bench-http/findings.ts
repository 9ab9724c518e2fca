/** What the benchmark says of its numbers. */
import type { Figure, Findings, Pairs, Table } from '../report/content.ts';
import { PALETTE } from '../report/plot.ts';
import { milliseconds, percent, shortMs, shortNumber } from '../report/table.ts';
import { type BarPanel, barPlot, type Group } from './bars.ts';
import type { BenchHttpDocument, BenchRow, Ratio } from './document.ts';
import { OPERATIONS, type SystemName, VALUE_BYTES } from './requests.ts';

const COLORS: Readonly<Record<SystemName, string>> = { lab: PALETTE[0], etcd: PALETTE[1] };
/** The number of connections that the headline is about. */
const HEADLINE_CONNECTIONS = 64;
/** Above it the thread that makes the load may be what is measured. */
const BUSY_SHARE = 0.8;

const SHOWS = [
  'What a client with nothing but HTTP and JSON gets from either cluster on this machine: the ' +
    'same load, from the same thread, on the same disk, in the same minutes.',
  'Every put was on the disks of a majority before it was answered, and every get was ' +
    'linearizable: etcd’s default, and the lab’s by ReadIndex (§6.4).',
];

const SHOWS_NOT = [
  'What etcd does over gRPC, its own protocol: each request passes its JSON gateway, which turns ' +
    'it into a gRPC call, a hop that the lab does not have.',
  'Equal work: etcd keeps every revision (MVCC), and has watches, leases, transactions and ' +
    'access control; the lab’s store keeps the latest value and nothing of these.',
  'A cluster on three machines: here all servers share the cores with the thread that makes the ' +
    'load, so that who needs less of them per request is ahead, and no network is in the way.',
  'Latency at a given rate: the loop is closed, and a slow answer also delays the next request ' +
    '(coordinated omission). p99 compares equal numbers of connections, not equal rates.',
  'A current etcd: it is the one that is installed.',
];

export function findingsOf(document: BenchHttpDocument): Findings {
  const { rows, ratios } = document;
  return {
    verdict: verdictOf(document),
    headline: [...headlineOf(document), doneOf(document)],
    setup: setupOf(document),
    figures: [throughputFigure(rows), latencyFigure(rows)],
    tables: [rowTable(rows), ...(ratios.length === 0 ? [] : [ratioTable(ratios)])],
    shows: 'etcd' in document.versions ? SHOWS : SHOWS.slice(1),
    showsNot: SHOWS_NOT,
  };
}

/** What makes the numbers other than they are called. */
export function complaintsOf({ disk, rows }: BenchHttpDocument): string[] {
  const busy = rows.filter(({ generatorCpuShare }) => generatorCpuShare > BUSY_SHARE);
  return [
    ...(disk.inMemory
      ? ['The data lie in memory (tmpfs), where fsync costs nothing: --data.']
      : []),
    ...busy.map(
      ({ system, operation, connections, generatorCpuShare }) =>
        `${system}, ${operation}, ${connections} connections: the thread that makes the load was ` +
        `busy for ${percent(generatorCpuShare)} of the time, and may be what was measured.`,
    ),
  ];
}

// ---- Sentences ----------------------------------------------------------------------------------

function verdictOf(document: BenchHttpDocument): string {
  const { ratios, rows } = document;
  const parts = OPERATIONS.flatMap((operation) => {
    const at = (row: { operation: string; connections: number }): boolean =>
      row.operation === operation && row.connections === HEADLINE_CONNECTIONS;
    const lab = rows.find((row) => row.system === 'lab' && at(row));
    if (lab === undefined) return [];
    const ratio = ratios.find(at);
    const beside = ratio === undefined ? '' : `, ${times(ratio.perSecond)} as many as etcd`;
    return [`${shortNumber(lab.perSecond)} ${operation}s a second${beside}`];
  });
  if (parts.length === 0) return doneOf(document);
  return `On ${HEADLINE_CONNECTIONS} connections the lab did ${parts.join(', and ')}.`;
}

function doneOf({ rows, versions }: BenchHttpDocument): string {
  const requests = rows.reduce((sum, row) => sum + row.requests, 0).toLocaleString('en');
  const done = `${requests} requests were measured, and every one of them was done.`;
  return 'etcd' in versions ? done : `${done} The lab was measured alone, without an etcd.`;
}

function headlineOf({ rows, ratios }: BenchHttpDocument): string[] {
  return OPERATIONS.flatMap((operation) => {
    const at = (row: { operation: string; connections: number }): boolean =>
      row.operation === operation && row.connections === HEADLINE_CONNECTIONS;
    const lab = rows.find((row) => row.system === 'lab' && at(row));
    const etcd = rows.find((row) => row.system === 'etcd' && at(row));
    if (lab === undefined) return [];
    const own =
      `At ${HEADLINE_CONNECTIONS} connections the lab did **${shortNumber(lab.perSecond)} ` +
      `${operation}s a second** with a p99 of ${milliseconds(lab.latencyMsP99)}`;
    if (etcd === undefined) return [`${own}.`];
    const ratio = ratios.find(at);
    return [
      `${own}, and etcd ${shortNumber(etcd.perSecond)} with ${milliseconds(etcd.latencyMsP99)}: ` +
        `**${times(ratio?.perSecond)}** as many.`,
    ];
  });
}

function setupOf({ plan, versions, disk, loadBefore }: BenchHttpDocument): Pairs {
  const { rounds, seconds, connections, keys } = plan;
  return [
    ['lab', '3 processes as npm run cluster starts them, HTTP'],
    [
      'etcd',
      versions.etcd === undefined
        ? 'not measured'
        : `${versions.etcd}, 3 processes with default timeouts, its JSON gateway`,
    ],
    ['storage of both', 'on disk, fsync on, directories side by side'],
    [
      'fsync of 4 KiB there',
      `${milliseconds(disk.syncMsP50)} in the median, p99 ${milliseconds(disk.syncMsP99)}`,
    ],
    ['requests', 'to the server that leads; the others replicate'],
    ['keys', `${keys.toLocaleString('en')}, all put before; drawn evenly`],
    ['values', `${VALUE_BYTES} bytes, another one for each put`],
    ['load', `closed loop on ${connections.join(', ')} connections, undici, a thread of its own`],
    [
      'rounds',
      `${rounds} of ${seconds} s after ${seconds / 4} s of warm-up, the two systems in turn; the ` +
        'one that is not measured is idle',
    ],
    ['load average of the minute before', String(loadBefore)],
    ['latencies', 'all rounds recorded in one histogram, three digits'],
  ];
}

// ---- Figures ------------------------------------------------------------------------------------

function throughputFigure(rows: readonly BenchRow[]): Figure {
  const panels = panelsOf(rows, (row) => ({
    value: row.perSecond,
    span: [Math.min(...row.perSecondByRound), Math.max(...row.perSecondByRound)],
    text: shortNumber(row.perSecond),
  }));
  const title = 'Requests per second';
  return {
    title,
    file: 'throughput.svg',
    svg: barPlot(panels, { title, x: 'requests per second' }),
    caption: 'Mean of the rounds; the thin line goes from the slowest round to the fastest.',
  };
}

function latencyFigure(rows: readonly BenchRow[]): Figure {
  const panels = panelsOf(rows, (row) => ({
    value: row.latencyMsP50,
    span: [row.latencyMsP50, row.latencyMsP99],
    text: shortMs(row.latencyMsP99),
  }));
  const title = 'Latency';
  return {
    title,
    file: 'latency.svg',
    svg: barPlot(panels, { title, x: 'milliseconds' }),
    caption:
      'The bar ends at the median, the thin line at p99, whose number stands beside it. More ' +
      'connections wait longer for their turn.',
  };
}

function panelsOf(
  rows: readonly BenchRow[],
  draw: (row: BenchRow) => Pick<Group['bars'][number], 'value' | 'span' | 'text'>,
): BarPanel[] {
  return OPERATIONS.map((operation) => {
    const own = rows.filter((row) => row.operation === operation);
    const counts = [...new Set(own.map(({ connections }) => connections))];
    const groups = counts.map((count) => ({
      label: count === 1 ? '1 connection' : String(count),
      bars: own
        .filter(({ connections }) => connections === count)
        .map((row) => ({ label: row.system, color: COLORS[row.system], ...draw(row) })),
    }));
    return { title: `${operation}s`, groups };
  });
}

// ---- Tables -------------------------------------------------------------------------------------

function rowTable(rows: readonly BenchRow[]): Table {
  return {
    title: 'Measured',
    heads: [
      'operation',
      'system',
      'connections',
      'per second',
      'slowest round',
      'fastest round',
      'p50 ms',
      'p99 ms',
      'max ms',
      'cpu µs per request',
      'load thread busy',
      'begun again',
    ],
    words: 2,
    rows: rows.map((row) => [
      row.operation,
      row.system,
      String(row.connections),
      shortNumber(row.perSecond),
      shortNumber(Math.min(...row.perSecondByRound)),
      shortNumber(Math.max(...row.perSecondByRound)),
      shortMs(row.latencyMsP50),
      shortMs(row.latencyMsP99),
      shortMs(row.latencyMsMax),
      shortNumber(row.serverCpuUsPerRequest),
      percent(row.generatorCpuShare),
      String(row.repeats),
    ]),
    note:
      'cpu: what the three servers took of the cores together. Load thread busy: its share of ' +
      'one core, which the servers do without. Begun again: a request was not done, as ' +
      'when a leader loses its lead; the measurement was thrown away and made again.',
  };
}

function ratioTable(ratios: readonly Ratio[]): Table {
  return {
    title: 'The lab over etcd',
    heads: ['operation', 'connections', 'per second', 'lowest', 'highest', 'p50', 'p99'],
    words: 1,
    rows: ratios.map((ratio) => [
      ratio.operation,
      String(ratio.connections),
      times(ratio.perSecond),
      times(ratio.perSecondLow),
      times(ratio.perSecondHigh),
      times(ratio.latencyP50),
      times(ratio.latencyP99),
    ]),
    note:
      'Per second: the ratio within each round, and of these the median, the lowest and the ' +
      'highest. p50 and p99: of all rounds together; below 1 the lab answers sooner.',
  };
}

function times(ratio: number | undefined): string {
  return ratio === undefined ? '–' : `${ratio.toFixed(2)} times`;
}
