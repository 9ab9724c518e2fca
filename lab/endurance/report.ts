/** The files that the experiment leaves behind. */

import { milliseconds, shortNumber, textTable } from '../report/table.ts';
import { writeWhole } from '../report/write-whole.ts';
import type { Manifest } from '../results.ts';
import { complaintsOf, type EnduranceDocument } from './document.ts';
import type { Latencies } from './windows.ts';

export const QUESTION =
  'Does memory stay within bounds under full load, do snapshots hold up commands, and how soon ' +
  'does a fresh node serve?';

const METHOD = [
  'Three nodes and a spare, each a worker thread with its disk in shared memory, and a thread of ' +
    'clients that keeps 1,024 puts of 64 bytes outstanding, on keys that were all put before.',
  "Memory is the heap and the buffers of a node's thread, each time after a snapshot that was " +
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

export async function writeReport(
  directory: string,
  document: EnduranceDocument,
  manifest: Manifest,
): Promise<string> {
  await writeWhole(directory, 'results.json', documentText(document));
  await writeWhole(directory, 'manifest.json', `${JSON.stringify(manifest, null, 2)}\n`);
  return writeWhole(directory, 'report.md', reportMarkdown(document, manifest));
}

export function documentText(document: EnduranceDocument): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

export function terminalTable({ lines }: EnduranceDocument, columns: number): string {
  const table = textTable(
    [
      { head: '', cells: lines.map(({ holds }) => (holds ? '✓' : '✕')), left: true },
      { head: 'what', cells: lines.map(({ what }) => what), left: true },
      { head: 'measured', cells: lines.map(({ measured }) => measured) },
      { head: 'bound', cells: lines.map(({ bound }) => bound), left: true },
      { head: 'detail', cells: lines.map(({ detail }) => detail), left: true, drop: 1 },
    ],
    columns,
  );
  return table.join('\n');
}

function reportMarkdown(document: EnduranceDocument, manifest: Manifest): string {
  const { measured, lines, auditedBy } = document;
  const complaints = complaintsOf(document);
  const verdict = complaints.length === 0 ? '✅ Every line holds.' : '❌ **FAILED**';
  const row = (...cells: readonly string[]): string => `| ${cells.map(escapeCell).join(' | ')} |`;
  const latencies = (name: string, each: Latencies | null): string =>
    row(
      name,
      shortNumber(each?.requests ?? 0),
      ...[each?.p50Ms, each?.p99Ms, each?.p999Ms, each?.maxMs].map((ms) =>
        milliseconds(ms ?? null),
      ),
    );
  const blocks = [
    `# ${QUESTION}`,
    'Experiment `endurance`.',
    `> ${verdict}`,
    list(complaints),
    '## Results',
    [
      row('what', 'measured', 'bound', 'holds', 'detail'),
      row('---', '---', '---', '---', '---'),
      ...lines.map(({ what, measured: found, bound, holds, detail }) =>
        row(what, found, bound, holds ? 'yes' : 'no', detail),
      ),
    ].join('\n'),
    `${shortNumber(measured.putsPerSecond)} puts a second were committed, and ` +
      `${shortNumber(measured.failed)} were not answered. The longest of ${measured.snapshots} ` +
      `snapshots took ${milliseconds(measured.snapshotMsMax)}. The audit was by ${auditedBy}.`,
    [
      row('puts that ended', 'requests', 'p50', 'p99', 'p99.9', 'max'),
      row('---', '---', '---', '---', '---', '---'),
      latencies('while a snapshot was taken', measured.latencies.during),
      latencies('without', measured.latencies.without),
    ].join('\n'),
    '## How it was measured',
    list(METHOD),
    '## What this does not show',
    list(SHOWS_NOT),
    '## Where this comes from',
    list(provenanceOf(document, manifest)),
    `Regenerate it with:\n\n\`\`\`sh\n${manifest.command}\n\`\`\``,
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

function provenanceOf({ plan }: EnduranceDocument, manifest: Manifest): string[] {
  const { commit, nodeVersion, machine, startedAt, finishedAt } = manifest;
  const { cpu, cores, platform, arch } = machine;
  return [
    `${plan.seconds} s of load, ${plan.keys} keys, a snapshot after ${plan.snapshotMib} MiB of ` +
      `entries, seed ${plan.seed}`,
    `commit: ${commit ?? 'not in a repository'}`,
    `Node: ${nodeVersion}`,
    `machine: ${cpu}, ${cores} cores, ${platform} ${arch}`,
    `started: ${startedAt}`,
    `finished: ${finishedAt}`,
  ];
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n');
}

function escapeCell(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').replace(/[\\|<]/g, (character) => `\\${character}`);
}
