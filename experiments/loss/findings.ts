/** What the study says: how writes, elections and leaders fare as more messages are lost. */
import type { Findings, Pairs } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { milliseconds, percent, sharePercent, shortNumber } from '../../lab/report/table.ts';
import type { About } from '../../lab/study/study.ts';
import { figuresOf } from './figures.ts';
import { election, goodput, idleChanges, type Result, undecided, valuesOf } from './measures.ts';
import { showsOf } from './shows.ts';
import { tablesOf } from './tables.ts';
import {
  type Cell,
  CRASHES,
  DELAY_MS,
  DISK_MS,
  ELECTION_TIMEOUT_MS,
  HEARTBEAT_MS,
  IDLE_MS,
  LOADED_MS,
  NETEM_LOSS,
  PATTERNS,
  REQUEST_TIMEOUT_MS,
  RETRY_MS,
  WRITES_MAX,
} from './trial.ts';

const SHOWS_NOT = [
  'A transport that repeats what is lost, as TCP does: there loss is delay, and what waits ' +
    'behind a lost segment waits as well.',
  'Losses between clients and servers, which a client repeats by itself.',
  'Losses that strike all links of a server at the same moment: every direction of every link ' +
    'has its own chance here.',
  'Bursts that last a time instead of a number of messages: under load a burst of 20 messages is ' +
    'over soon, and with nothing but heartbeats it takes a second.',
];

export function findings(results: readonly Result[], { seed }: About): Findings {
  return {
    verdict: verdictOf(results, seed),
    headline: headlineOf(results, seed),
    setup: setupOf(results, seed),
    figures: figuresOf(results, seed),
    tables: tablesOf(results, seed),
    shows: showsOf(results, seed),
    showsNot: SHOWS_NOT,
  };
}

// ---- Sentences ----------------------------------------------------------------------------------

function at(results: readonly Result[], wanted: Partial<Cell>): Result[] {
  const factors = Object.keys(wanted) as (keyof Cell)[];
  return results.filter(
    ({ cell, samples }) =>
      samples.length > 0 && factors.every((name) => cell[name] === wanted[name]),
  );
}

function runsOf(results: readonly Result[]): number {
  return results.reduce((sum, { samples }) => sum + samples.length, 0);
}

function verdictOf(results: readonly Result[], seed: number): string {
  const runs = runsOf(results);
  if (runs === 0) return 'No run came to its end.';
  const safe =
    `all ${count(runs)} runs that came to their end were linearizable, with equal replicas once ` +
    'healed';
  const told = kept(results, seed);
  return told === null ? `${safe.charAt(0).toUpperCase()}${safe.slice(1)}.` : `${told}; ${safe}.`;
}

/** What is left of goodput and how long elections take, at the most independent loss. */
function kept(results: readonly Result[], seed: number): string | null {
  const [nodes = 0, outstanding = 0] = [
    valuesOf(results, 'nodes')[0],
    valuesOf(results, 'outstanding')[0],
  ];
  const plain = at(results, { pattern: 'independent', nodes });
  const losses = valuesOf(plain, 'loss');
  const [low, high] = [losses[0], losses.at(-1)];
  if (low === undefined || high === undefined || low === high) return null;
  const rate = (loss: number) =>
    goodput(
      at(plain, { loss, outstanding }).flatMap(({ samples }) => samples),
      seed,
    )?.value ?? 0;
  const medianMs = (loss: number) => election(at(plain, { loss }), 0.5)?.value ?? null;
  const share = rate(low) === 0 ? null : rate(high) / rate(low);
  return (
    `With ${percent(high)} of messages lost independently, ${nodes} servers keep ` +
    `${sharePercent(share)} of the writes that they serve at ${percent(low)} with ${outstanding} ` +
    `outstanding, and elect a leader in ${milliseconds(medianMs(high))} in the median instead of ` +
    `${milliseconds(medianMs(low))}`
  );
}

function headlineOf(results: readonly Result[], seed: number): string[] {
  const sentences = valuesOf(results, 'nodes').flatMap((nodes) => {
    const netem = at(results, { pattern: 'netem', nodes });
    const plain = at(results, { pattern: 'independent', nodes, loss: NETEM_LOSS });
    const p50 = election(netem, 0.5);
    if (p50 === null) return [];
    const writes = valuesOf(netem, 'outstanding').map((outstanding) => {
      const samples = at(netem, { outstanding }).flatMap((result) => result.samples);
      const rate = shortNumber(goodput(samples, seed)?.value ?? null);
      return `**${rate}** writes a second with ${outstanding} outstanding`;
    });
    const changes = shortNumber(idleChanges(netem, seed)?.value ?? null);
    const beside =
      plain.length === 0
        ? ''
        : ` (${shortNumber(idleChanges(plain, seed)?.value ?? null)} where the same share is ` +
          'merely lost)';
    return [
      `Under the netem recipe ${nodes} servers serve ${writes.join(' and ')}, elect in ` +
        `**${milliseconds(p50.value)}** in the median, and change leaders **${changes}** times a ` +
        `minute when idle${beside}.`,
    ];
  });
  const open = undecided(results);
  if (open > 0) sentences.push(`**${count(open)}** elections had no winner for a minute.`);
  return sentences;
}

function setupOf(results: readonly Result[], seed: number): Pairs {
  const trials = [...new Set(results.map(({ samples }) => samples.length))];
  return [
    ['servers', `${valuesOf(results, 'nodes').join(' and ')}, snapshots off`],
    [
      'links between servers',
      `${DELAY_MS} ms one way; each loses its share of messages by itself, in either direction`,
    ],
    ...patternsOf(results),
    ['links to clients', 'no delay, no loss'],
    [
      'timing',
      `election timeouts of ${ELECTION_TIMEOUT_MS.join(' to ')} ms, heartbeats every ` +
        `${HEARTBEAT_MS} ms; PreVote, CheckQuorum and leader stickiness on`,
    ],
    ['disks', `a write takes ${DISK_MS.join(' to ')} ms`],
    [
      'load',
      `closed, writes only, for ${LOADED_MS / 1000} s or ${count(WRITES_MAX)} writes; clients ` +
        `ask again after ${RETRY_MS} ms and give up after ${REQUEST_TIMEOUT_MS / 1000} s`,
    ],
    ['then', `${IDLE_MS / 1000} s without load, and ${CRASHES} crashes of whoever leads`],
    ['at last', 'links are healed; histories and replicas are judged, every run'],
    ['trials', `${trials.join(' and ')} of each cell, seed ${seed}`],
    ['published', 'nothing: §9.7 leaves the question open'],
  ];
}

/** What the patterns mean that were run. */
function patternsOf(results: readonly Result[]): Pairs {
  const bursts = PATTERNS.filter(
    (pattern) => pattern.startsWith('burst') && at(results, { pattern }).length > 0,
  );
  const lengths = bursts.map((pattern) => pattern.replace('burst ', '')).join(' or ');
  const chain = `Gilbert and Elliott’s chain: spells of ${lengths} messages in the mean, all lost`;
  const recipe =
    `30 ms ± 25 ms, ${percent(NETEM_LOSS)} loss, 50 % duplicates, 25 % reordered at a ` +
    'correlation of 50 % (which, as in netem, reorders about 7 %)';
  return [
    ...(bursts.length === 0 ? [] : [['bursts', chain] as const]),
    ...(at(results, { pattern: 'netem' }).length === 0 ? [] : [['netem', recipe] as const]),
  ];
}
