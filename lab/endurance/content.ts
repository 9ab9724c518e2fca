/** What the report says. */
import { barPlot } from '../bench-http/bars.ts';
import type { Content, Figure, Pairs, Table } from '../report/content.ts';
import { PALETTE } from '../report/plot.ts';
import { milliseconds, shortMs, shortNumber } from '../report/table.ts';
import { measuredOn } from '../report/write-content.ts';
import type { Manifest } from '../results.ts';
import { complaintsOf, type EnduranceDocument, EXPERIMENT } from './document.ts';
import type { Latencies } from './windows.ts';

const QUESTION =
  'Does memory stay within bounds under full load, do snapshots hold up commands, and how soon ' +
  'does a fresh node serve?';

const SHOWS = [
  'That memory is bounded by what is stored, not by how much was written: between the two times ' +
    'at which it was weighed each node cut its log again and again.',
  'Memory is the heap and the buffers of a node’s thread, each time after a snapshot that was ' +
    'asked for and a forced collection: a log grows between snapshots, and both times it has ' +
    'just been cut. The disks, whose memory is used again and not given back, are not in it.',
  'Latencies are told apart by whether any node took a snapshot in the 50 ms in which a put ' +
    'ended; those around a forced collection count on neither side.',
  'The spare joins while the load goes on. It serves when it has answered a read that it asked ' +
    'its leader for (§6.4) and served from what it has applied.',
];

const SHOWS_NOT = [
  'What a log on a real disk would take, or snapshots of values larger than these.',
  'That nothing grows more slowly than this can see: --seconds makes it longer.',
];

export function contentOf(document: EnduranceDocument, manifest: Manifest): Content {
  const complaints = complaintsOf(document);
  return {
    name: EXPERIMENT,
    question: QUESTION,
    verdict: verdictOf(document, complaints.length),
    complaints,
    headline: headlineOf(document),
    setup: setupOf(document),
    figures: [latencyFigure(document)],
    tables: [boundsTable(document), latencyTable(document)],
    shows: SHOWS,
    showsNot: SHOWS_NOT,
    provenance: measuredOn(manifest),
    command: manifest.command,
  };
}

// ---- Sentences ----------------------------------------------------------------------------------

function verdictOf({ measured }: EnduranceDocument, complaints: number): string {
  if (complaints > 0) return 'Not all bounds were kept.';
  const { joinedAfterMs, latencies } = measured;
  const [slow, quiet] = [latencies.during, latencies.without].map((each) =>
    milliseconds(each?.p999Ms ?? null),
  );
  const joined = joinedAfterMs === null ? 'never' : `after ${(joinedAfterMs / 1000).toFixed(1)} s`;
  return (
    `Memory at the end was at most ${growthMax(measured).toFixed(2)} times that after a third of ` +
    `the load, p99.9 rose from ${quiet} to ${slow} while snapshots were taken, and a fresh node ` +
    `served ${joined}.`
  );
}

function growthMax({ atEnd, atThird }: EnduranceDocument['measured']): number {
  const growths = atThird.map(({ bytes, node }) => {
    const later = atEnd.find((each) => each.node === node)?.bytes ?? Number.POSITIVE_INFINITY;
    return later / bytes;
  });
  return Math.max(0, ...growths);
}

function headlineOf({ auditedBy, measured }: EnduranceDocument): string[] {
  return [
    `**${shortNumber(measured.putsPerSecond)}** puts a second were committed, and ` +
      `**${shortNumber(measured.failed)}** were not answered.`,
    `The longest of ${measured.snapshots} snapshots took ` +
      `**${milliseconds(measured.snapshotMsMax)}**.`,
    `The audit was by ${auditedBy}.`,
  ];
}

function setupOf({ plan }: EnduranceDocument): Pairs {
  return [
    ['nodes', 'three and a spare, each a worker thread with its disk in shared memory'],
    ['load', `${plan.seconds} s; a thread that keeps 1,024 puts of 64 bytes outstanding`],
    ['keys', `${plan.keys.toLocaleString('en')}, all put before`],
    ['a snapshot', `after ${plan.snapshotMib} MiB of entries`],
    ['seed', String(plan.seed)],
  ];
}

// ---- The figure ---------------------------------------------------------------------------------

/** A panel each: on one scale the high ones would leave nothing to see of the others. */
const PERCENTILES = [
  [
    ['p50', 'p50Ms'],
    ['p99', 'p99Ms'],
  ],
  [
    ['p99.9', 'p999Ms'],
    ['longest', 'maxMs'],
  ],
] as const;

function latencyFigure({ measured }: EnduranceDocument): Figure {
  const title = 'Latency of a put';
  const { during, without } = measured.latencies;
  const sides = [
    ['while no snapshot was taken', without, PALETTE[0]],
    ['while one was taken', during, PALETTE[1]],
  ] as const;
  const panels = PERCENTILES.map((percentiles) => ({
    title: percentiles.map(([label]) => label).join(' and '),
    groups: percentiles.map(([label, key]) => ({
      label,
      bars: sides.map(([side, each, color]) => {
        const value = each?.[key] ?? 0;
        return { label: side, color, value, span: null, text: shortMs(value) };
      }),
    })),
  }));
  return {
    title,
    file: 'latency.svg',
    svg: barPlot(panels, { title, x: 'milliseconds' }),
    alt: `${title}: ${sides
      .map(([side, each]) => `${side} p99.9 ${milliseconds(each?.p999Ms ?? null)}`)
      .join(', ')}`,
    caption: 'Puts by when they ended: while no node took a snapshot, and while any did.',
  };
}

// ---- Tables -------------------------------------------------------------------------------------

function boundsTable({ lines }: EnduranceDocument): Table {
  return {
    title: 'What was to hold',
    heads: ['what', 'measured', 'bound', 'holds', 'detail'],
    words: 5,
    rows: lines.map(({ bound, detail, holds, measured, what }) => [
      what,
      measured,
      bound,
      holds ? 'yes' : 'no',
      detail,
    ]),
    note: 'Where a line does not hold, the command fails.',
  };
}

function latencyTable({ measured }: EnduranceDocument): Table {
  const row = (name: string, each: Latencies | null): string[] => [
    name,
    shortNumber(each?.requests ?? 0),
    ...[each?.p50Ms, each?.p99Ms, each?.p999Ms, each?.maxMs].map((ms) => milliseconds(ms ?? null)),
  ];
  return {
    title: 'Latencies',
    heads: ['puts that ended', 'requests', 'p50', 'p99', 'p99.9', 'max'],
    words: 1,
    rows: [
      row('while a snapshot was taken', measured.latencies.during),
      row('without', measured.latencies.without),
    ],
    note: 'Of the whole load, from when a put was sent until its answer had come.',
  };
}
