/**
 * Shows that the study of partial partitions does what it says: the servers that it names lead when
 * the links it names are cut, what is known of these partitions comes out, and the report tells
 * what came out, whatever that is.
 *
 *     npx ava test/study-partial-partitions.test.ts
 */
import test from 'ava';
import { findings, verdictOf } from '../experiments/partial-partitions/findings.ts';
import { type Cell, Partition } from '../experiments/partial-partitions/partition.ts';
import { canServe, longestGapMs, servedSlices } from '../experiments/partial-partitions/service.ts';
import { isDown, type Summary, summaryOf } from '../experiments/partial-partitions/summary.ts';
import {
  carries,
  linksOf,
  TOPOLOGY_NAMES,
  type TopologyName,
  topologyOf,
} from '../experiments/partial-partitions/topologies.ts';
import { type Sample, trial } from '../experiments/partial-partitions/trial.ts';
import { VARIANT_NAMES, type VariantName } from '../experiments/partial-partitions/variants.ts';
import { reportMarkdown } from '../lab/report/content-markdown.ts';
import { nodeIds } from '../lab/schedule.ts';
import type { CellResult } from '../lab/study/study.ts';
import { lastIndex } from '../src/raft/log.ts';

const PARTITION_S = 3;
const SEEDS = [1, 2];
const PICTURE_BYTES_MAX = 60_000;

function cellOf(topology: TopologyName, variant: VariantName, load: Cell['load']): Cell {
  return { topology, load, variant, partitionS: PARTITION_S };
}

function resultOf(cell: Cell): CellResult<Cell, Sample> {
  return { cell, samples: SEEDS.map((seed) => trial(cell, seed)) };
}

/** The command that repeats what a failing assertion is about. */
function again({ load, topology, variant }: Cell): string {
  const flags = `--topology ${topology} --load ${load} --variant ${variant}`;
  return `seeds ${SEEDS.join(', ')}; npm run experiment -- partial-partitions ${flags}`;
}

function summarized(topology: TopologyName, variant: VariantName, load: Cell['load']): Summary {
  const summary = summaryOf(resultOf(cellOf(topology, variant, load)));
  if (summary === null) throw new Error('no trial came to its end');
  return summary;
}

// ---- The partitions ---------------------------------------------------------------------------

/** How many servers, itself included, exchange messages both ways with this one. */
function reach(topology: TopologyName, id: string): number {
  const links = linksOf(topologyOf(topology));
  const others = nodeIds(topologyOf(topology).servers).filter((other) => other !== id);
  return 1 + others.filter((to) => carries(links, id, to) && carries(links, to, id)).length;
}

for (const name of TOPOLOGY_NAMES) {
  test(`${name}: some server still sees a majority`, (t) => {
    const { servers } = topologyOf(name);
    const most = Math.max(...nodeIds(servers).map((id) => reach(name, id)));
    t.true(most * 2 > servers, `at most ${most} of ${servers} see each other`);
  });

  test(`${name}: the server that is asked for leads when the partition begins`, (t) => {
    const partition = new Partition(cellOf(name, 'both', 'loaded'), 1);
    partition.begin();
    const { cluster, topology } = partition;
    t.is(cluster.leader()?.id, topology.leader);
    if (topology.behind === undefined) return;
    const raft = cluster.member(topology.behind).raft;
    if (raft === null) throw new Error(`${topology.behind} is down`);
    t.true(lastIndex(raft.persistent.log) < cluster.committedIndex);
  });
}

test('a leader without a majority is where the literature has it', (t) => {
  for (const name of [
    'quorum-loss',
    'constrained',
    'bridge',
    'deaf-leader',
    'mute-leader',
  ] as const) {
    const { leader, servers } = topologyOf(name);
    t.true(reach(name, leader) * 2 < servers, name);
  }
  for (const name of ['chained', 'cloudflare', 'two-leaf', 'ring'] as const) {
    const { leader, servers } = topologyOf(name);
    t.true(reach(name, leader) * 2 > servers, name);
  }
});

// ---- Trials -----------------------------------------------------------------------------------

test('the same seed gives the same sample, another one another', (t) => {
  const cell = cellOf('two-leaf', 'plain', 'loaded');
  t.deepEqual(trial(cell, 7), trial(cell, 7));
  t.notDeepEqual(trial(cell, 7), trial(cell, 8));
});

for (const load of ['loaded', 'idle'] as const) {
  test(`${load}: nothing helps where only a server whose log is behind could lead`, (t) => {
    for (const variant of VARIANT_NAMES) {
      const summary = summarized('constrained', variant, load);
      t.true(isDown(summary), again(summary.cell));
    }
  });

  test(`${load}: leaves depose leader after leader, unless they have to ask first`, (t) => {
    const plain = summarized('two-leaf', 'plain', load);
    t.true(plain.changes.value >= 3, again(plain.cell));
    const asking = summarized('two-leaf', 'prevote', load);
    t.is(asking.changes.value, 0, again(asking.cell));
    t.is(asking.availability.value, 1, again(asking.cell));
  });

  test(`${load}: behind a bridge, sticky PreVote needs CheckQuorum`, (t) => {
    const alone = summarized('bridge', 'prevote-sticky', load);
    t.true(isDown(alone), again(alone.cell));
    const both = summarized('bridge', 'both', load);
    t.true(both.availability.value > 0.6, again(both.cell));
    t.is(both.changes.value, 1, again(both.cell));
  });

  test(`${load}: a deaf leader stays for good without CheckQuorum`, (t) => {
    for (const variant of ['plain', 'prevote'] as const) {
      const summary = summarized('deaf-leader', variant, load);
      t.true(isDown(summary), again(summary.cell));
    }
    const both = summarized('deaf-leader', 'both', load);
    t.true(both.recoveryMs.value < 1500, again(both.cell));
  });
}

test('terms stay where they are with PreVote, whoever is cut off', (t) => {
  const rise = ({ firstTerm, finalTerm }: Summary): number => finalTerm.value - firstTerm.value;
  const plain = summarized('constrained', 'plain', 'loaded');
  t.true(rise(plain) >= 5, again(plain.cell));
  const asking = summarized('constrained', 'prevote', 'loaded');
  t.is(rise(asking), 0, again(asking.cell));
});

// ---- Service ----------------------------------------------------------------------------------

test('an idle cluster can serve while its leader exchanges messages with a majority', (t) => {
  const partition = new Partition(cellOf('deaf-leader', 'plain', 'idle'), 3);
  partition.begin();
  const whole = linksOf({ ...topologyOf('ring'), links: 'n1-n2 n1-n3' });
  t.true(canServe(partition.cluster, whole));
  t.false(canServe(partition.cluster, partition.links), 'its leader hears nobody');
});

test('slices with a write, and the longest time without one', (t) => {
  const atMs = [100, 120, 310, 499];
  t.is(servedSlices(atMs, 100, 500, 100), 3);
  t.is(longestGapMs(atMs, 100, 500), 190);
  t.is(servedSlices([], 100, 500, 100), 0);
  t.is(longestGapMs([], 100, 500), 400);
  t.is(longestGapMs([90, 700], 100, 500), 400, 'what lies outside does not count');
});

// ---- The report -------------------------------------------------------------------------------

test('the report of a small run is whole, and every link in it leads to a picture', (t) => {
  const cells = (['bridge', 'constrained'] as const).flatMap((topology) =>
    (['plain', 'both'] as const).flatMap((variant) =>
      (['loaded', 'idle'] as const).map((load) => cellOf(topology, variant, load)),
    ),
  );
  const found = findings(cells.map(resultOf));
  const content = { name: 'partial-partitions', question: '?', complaints: [], provenance: [] };
  const text = reportMarkdown({ ...content, ...found, command: 'npm run experiment' });
  t.notRegex(text, /NaN|undefined|Infinity|null/);
  const files = new Map(found.files?.map((file) => [file.file, file.text]));
  t.is(files.size, cells.length);
  const links = [...text.matchAll(/\]\((pictures\/[^)]+)\)/g)].map(([, file = '']) => file);
  t.deepEqual(new Set(links), new Set(files.keys()));
  for (const [file, svg] of files) {
    t.true(svg.startsWith('<svg') && svg.length < PICTURE_BYTES_MAX, `${file}: ${svg.length}`);
  }
});

test('a report without any trial says so', (t) => {
  t.regex(findings([]).verdict, /nothing can be said/);
});

/** A cell as it would be if its trials had been these. */
function doctored(topology: TopologyName, variant: VariantName, served: number): Summary {
  const sample: Sample = {
    seed: 1,
    slices: 30,
    served,
    changes: served === 0 ? 0 : 1,
    firstTerm: 1,
    finalTerm: 2,
    recoveryMs: served === 0 ? null : 300,
    gapMs: 300,
    healedMs: 5,
    healedGapMs: 10,
  };
  const cell = cellOf(topology, variant, 'loaded');
  const summary = summaryOf({ cell, samples: [sample, sample] });
  if (summary === null) throw new Error('two samples make a summary');
  return summary;
}

test('the verdict follows the data, whichever way they point', (t) => {
  const one = verdictOf([
    doctored('bridge', 'plain', 27),
    doctored('bridge', 'both', 0),
    doctored('ring', 'plain', 30),
    doctored('ring', 'both', 30),
  ]);
  t.regex(one, /^Of 2 partitions .* on 1 with both, sticky, on 0 with plain Raft;/);
  t.notRegex(one, /nothing helps/);
  const other = verdictOf([
    doctored('bridge', 'plain', 0),
    doctored('bridge', 'both', 0),
    doctored('ring', 'plain', 0),
    doctored('ring', 'both', 27),
  ]);
  t.regex(other, /on 2 with plain Raft, on 1 with both, sticky \(nothing helps on Bridge/);
  t.regex(other, /does so 90\.0 % of the time or more/);
});
