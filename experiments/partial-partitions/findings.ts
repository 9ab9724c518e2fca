/** What the study says: grids of coloured cells, a picture of each, and what is published. */
import type { Findings, Pairs } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { sharePercent, shortNumber } from '../../lab/report/table.ts';
import type { CellResult } from '../../lab/study/study.ts';
import { claimsTable } from './claims.ts';
import { detailTables } from './details.ts';
import {
  availabilityFigure,
  changesFigure,
  type Grid,
  gridsOf,
  linkedTable,
  pictureFile,
} from './grid.ts';
import {
  type Cell,
  CLIENT_LINK,
  CLIENTS,
  HEARTBEAT_MS,
  LINK,
  REQUEST_TIMEOUT_MS,
  RETRY_MS,
  WRITES_PER_SECOND,
} from './partition.ts';
import { reasonsOf } from './reasons.ts';
import { AFTER_MS, APART_MS, BEFORE_MS, pictureOf } from './space-time.ts';
import { isDown, type Summary, summaryOf } from './summary.ts';
import { LOSS, TOPOLOGIES, type TopologyName } from './topologies.ts';
import { topologiesFigure } from './topology-picture.ts';
import { AFTERMATH_MS, type Sample, SLICE_MS } from './trial.ts';
import { VARIANT_NAMES, VARIANT_TITLES, type VariantName } from './variants.ts';

const SHOWS_NOT = [
  'Clients that are cut off as well: here they reach every server, and so find whoever leads. ' +
    'Availability is therefore the cluster’s own, and the best that clients could see.',
  'Reads, disks that take time, slow or drifting clocks, networks of long distance: recovery is ' +
    'made of election timeouts (150 to 300 ms) and scales with them.',
  'The outage of 2020 as it was. How much the switch still forwarded is not published: ' +
    `${Math.round((1 - LOSS) * 100)} % of the messages is assumed, and cut whole it is the ` +
    'chain. What etcd and its clients made of the elections is not in this model.',
  'Idle clusters in use: that a write could be served is a judgement on the servers’ states, ' +
    'kinder than clients are, who have to find the leader first.',
];

export function findings(results: readonly CellResult<Cell, Sample>[]): Findings {
  const summaries = results.flatMap((result) => summaryOf(result) ?? []);
  const grids = gridsOf(summaries);
  const names = [...new Set(grids.flatMap(({ topologies }) => topologies))];
  const availability = grids.map(availabilityFigure);
  return {
    verdict: verdictOf(summaries),
    headline: headlineOf(summaries),
    setup: setupOf(results),
    figures:
      grids.length === 0
        ? []
        : [
            ...availability.slice(0, 1),
            topologiesFigure(names),
            ...availability.slice(1),
            ...grids.map(changesFigure),
          ],
    tables: [...grids.map(linkedTable), claimsTable(summaries), ...detailTables(grids)],
    shows: reasonsOf(summaries),
    showsNot: SHOWS_NOT,
    files: grids.flatMap(picturesOf),
  };
}

function picturesOf(grid: Grid): { file: string; text: string }[] {
  return grid.topologies.flatMap((topology) =>
    grid.variants.flatMap((variant) => {
      const summary = grid.find(topology, variant);
      if (summary === undefined) return [];
      const { cell, seed } = summary;
      const where = `${TOPOLOGIES[topology].title}, ${grid.title}, ${VARIANT_TITLES[variant]}`;
      const title = `${where} (entries and heartbeats: one in ${APART_MS} ms on each link)`;
      return [{ file: pictureFile(grid, cell), text: pictureOf(cell, seed, title) }];
    }),
  );
}

// ---- Sentences ----------------------------------------------------------------------------------

/** On which partitions a variant is down throughout, be it under one load only. */
function downOf(summaries: readonly Summary[], variant: VariantName): Set<TopologyName> {
  const down = summaries.filter((summary) => summary.cell.variant === variant && isDown(summary));
  return new Set(down.map(({ cell }) => cell.topology));
}

export function verdictOf(summaries: readonly Summary[]): string {
  if (summaries.length === 0) return 'No trial came to its end, so nothing can be said.';
  const total = new Set(summaries.map(({ cell }) => cell.topology)).size;
  const variants = VARIANT_NAMES.filter((name) =>
    summaries.some(({ cell }) => cell.variant === name),
  );
  const [first = 'plain'] = variants;
  const lost = [...downOf(summaries, first)].filter((topology) =>
    variants.every((name) => downOf(summaries, name).has(topology)),
  );
  const titles = lost.map((topology) => TOPOLOGIES[topology].title);
  const none = titles.length === 0 ? '' : ` (nothing helps on ${titles.join(' and ')})`;
  return (
    `Of ${count(total)} ${total === 1 ? 'partition' : 'partitions'} ` +
    `the cluster stays down until the network heals on ` +
    `${countsOf(summaries, variants)}${none}${bestOf(summaries)}.`
  );
}

const VARIANT_WORDS: Readonly<Record<VariantName, string>> = {
  plain: 'plain Raft',
  prevote: 'PreVote alone',
  'prevote-sticky': 'sticky PreVote alone',
  checkquorum: 'CheckQuorum alone',
  'checkquorum-sticky': 'sticky CheckQuorum alone',
  'both-unsticky': 'both, not sticky',
  both: 'both, sticky',
};

/** On how many partitions which variants are down, the worst first. */
function countsOf(summaries: readonly Summary[], variants: readonly VariantName[]): string {
  const sizes = variants.map((name) => downOf(summaries, name).size);
  const distinct = [...new Set(sizes)].sort((a, b) => b - a);
  return distinct
    .map((size, i) => {
      const names = variants.filter((_, n) => sizes[n] === size);
      if (names.length > 1 && i === distinct.length - 1) {
        return `${size} with ${i === 0 ? 'each variant' : 'the others'}`;
      }
      return `${size} with ${names.map((name) => VARIANT_WORDS[name]).join(' or ')}`;
    })
    .join(', on ');
}

/** How good PreVote and CheckQuorum together are where they serve at all. */
function bestOf(summaries: readonly Summary[]): string {
  const serving = summaries.filter(
    (summary) => summary.cell.variant === 'both' && !isDown(summary),
  );
  if (serving.length === 0) return '';
  const least = Math.min(...serving.map(({ availability }) => availability.value));
  const changes = Math.max(...serving.map((summary) => summary.changes.value));
  const often = changes === 1 ? 'one leader change' : `${shortNumber(changes)} leader changes`;
  return (
    '; where it serves, PreVote with CheckQuorum and stickiness does so ' +
    `${sharePercent(least)} of the time or more, with at most ${often} (median)`
  );
}

function headlineOf(summaries: readonly Summary[]): string[] {
  const said: string[] = [];
  const restless = summaries
    .filter(({ cell }) => cell.variant === 'plain')
    .toSorted((a, b) => b.changesPerMinute.value - a.changesPerMinute.value)[0];
  if (restless !== undefined) {
    const { availability, cell, changesPerMinute } = restless;
    said.push(
      `Plain Raft changes its leader up to **${shortNumber(Math.round(changesPerMinute.value))} ` +
        `times a minute** (${TOPOLOGIES[cell.topology].title}, ` +
        `${sharePercent(availability.value)} available).`,
    );
  }
  for (const variant of ['prevote', 'both'] as const) {
    const own = summaries.filter(({ cell }) => cell.variant === variant);
    if (own.length === 0) continue;
    const down = [...downOf(summaries, variant)].map((name) => TOPOLOGIES[name].title);
    const where = down.length === 0 ? '' : `: ${down.join(', ')}`;
    const what = variant === 'both' ? 'PreVote with CheckQuorum' : 'PreVote alone';
    said.push(`${what} stays down on **${down.length}** of the partitions${where}.`);
  }
  return said;
}

function setupOf(results: readonly CellResult<Cell, Sample>[]): Pairs {
  const partitions = [...new Set(results.map(({ cell }) => cell.partitionS))];
  const counts = [...new Set(results.map(({ samples }) => count(samples.length)))];
  return [
    ['servers', '3 or 5, led by the one that the partition asks for (handed over, §3.10)'],
    ['partition', `${partitions.join(' and ')} s, from a moment drawn between two heartbeats`],
    ['timeouts', `elections 150 to 300 ms, heartbeats ${HEARTBEAT_MS} ms`],
    ['network', `${LINK.delayMs} ± ${LINK.jitterMs} ms one way, nothing lost but as drawn`],
    ['disks', 'in memory, no latency'],
    [
      'load',
      `${WRITES_PER_SECOND} writes a second at even distances by ${CLIENTS} clients, ` +
        `${CLIENT_LINK.delayMs} ms from every server; they ask the next one after ${RETRY_MS} ms ` +
        `without an answer, then after longer, and give up after ${REQUEST_TIMEOUT_MS} ms`,
    ],
    ['idle', 'no writes from the start until the partition ends'],
    ['plain', 'Raft as in figure 3.1: no PreVote, no CheckQuorum, no stickiness'],
    [
      'PreVote',
      '§9.6 without its second condition, as etcd has it where CheckQuorum is off; sticky with ' +
        'it: voters that have heard a leader within a minimum timeout refuse (§4.2.3)',
    ],
    [
      'CheckQuorum',
      '§6.2; sticky, it is what etcd has without PreVote, as Cloudflare’s was in 2020',
    ],
    ['both', 'PreVote and CheckQuorum, sticky unless it says not; the lab’s default'],
    [
      'available, under load',
      `a ${SLICE_MS} ms slice in which a write of after the onset was acknowledged`,
    ],
    [
      'available, idle',
      `a ${SLICE_MS} ms slice with a leader that has committed in its term and exchanges ` +
        'messages both ways with followers who make it a majority',
    ],
    ['recovery', 'from the onset to the first write, or moment at which one could be served'],
    ['after healing', `next write, and the longest gap in ${AFTERMATH_MS / 1000} s, under load`],
    [
      'intervals',
      '95 %; of means bootstrapped, 1,000 times, of medians by order statistics, of shares exact',
    ],
    ['trials', `${counts.join(' and ')} of each cell; variants share their seeds`],
    ['checked', 'all of Raft’s safety properties at every step, linearizability of every history'],
    ['pictures', `from ${BEFORE_MS} ms before to ${AFTER_MS} ms after the onset`],
  ];
}
