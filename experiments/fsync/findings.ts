/** What the study says: what syncing costs, and what is lost without. */
import type { Findings, Pairs } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { milliseconds, sharePercent, shortNumber } from '../../lab/report/table.ts';
import type { About } from '../../lab/study/study.ts';
import { OUTSTANDING as COST_OUTSTANDING, WRITES } from './cost-trial.ts';
import {
  type Counted,
  costSamples,
  countedOf,
  isOf,
  middleOf,
  type Result,
  shareOf,
  WRITES_LOST,
} from './counts.ts';
import { figuresOf } from './figures.ts';
import { BOOT_MS, CATCHING_UP_MS, OUTSTANDING, WRITES_BEYOND_FLUSH_MS } from './loss-trial.ts';
import { ACCEPT_US, CLIENT_DELAY_MS, LINK, SERVERS } from './policies.ts';
import { requirementsOf } from './requirements.ts';
import { showsOf } from './shows.ts';
import { tablesOf } from './tables.ts';
import { VOTE_BOOT_MS, VOTE_LINK, VOTE_SERVERS, VOTE_TIMEOUT_MS } from './vote-trial.ts';

const SHOWS_NOT = [
  'Real disks: a sync takes about the same time however much it writes, and a background sync ' +
    'does not slow down what goes on beside it.',
  'Power that fails during a sync and leaves half a record: what was under way is lost as a whole.',
  'Crashes of a process alone, which lose nothing of what the operating system has accepted.',
  'How often votes are forgotten. That story is staged so that it is met often: what can happen ' +
    'does not depend on its timing, how often it does depends on nothing else.',
];

export function findings(results: readonly Result[], _about: About): Findings {
  return {
    verdict: verdictOf(results),
    holds: requirementsOf(results).every(({ holds }) => holds),
    headline: headlineOf(results),
    setup: setupOf(results),
    figures: figuresOf(results),
    tables: tablesOf(results),
    shows: showsOf(results),
    showsNot: SHOWS_NOT,
  };
}

// ---- Sentences ----------------------------------------------------------------------------------

/** The answer, of what was measured. */
export function verdictOf(results: readonly Result[]): string {
  const synced = countedOf(results, isOf(['always', 'batched'], WRITES_LOST));
  const broken = requirementsOf(results).filter(({ holds }) => !holds);
  const parts = [...(synced.trials === 0 ? [] : [syncedText(synced)]), ...lazyTexts(results)];
  if (parts.length === 0) return 'Only costs were measured here, and no power failed.';
  const against = broken.length === 0 ? '' : ` (against §3.8: ${broken.map(of).join('; ')})`;
  const told = parts.join('; ');
  return `${told.charAt(0).toUpperCase()}${told.slice(1)}${against}.`;
}

function of({ about }: { readonly about: string }): string {
  return about;
}

function syncedText(counted: Counted): string {
  const lost =
    counted.struck === 0
      ? `nothing was lost in any of ${count(counted.trials)} trials`
      : `writes were lost in ${ofTrials(counted)}`;
  return `With syncs before acknowledgements ${lost}`;
}

function lazyTexts(results: readonly Result[]): string[] {
  const writes = (['follower', 'leader', 'majority', 'all'] as const).flatMap((loss) => {
    const counted = countedOf(results, isOf(['lazy'], [loss]));
    return counted.trials === 0 ? [] : [`${STRUCK[loss]} in ${ofTrials(counted)}`];
  });
  const votes = countedOf(results, isOf(['lazy'], ['voter']));
  const told = [
    ...(writes.length === 0
      ? []
      : [`with lazy syncs acknowledged writes were lost with the power of ${writes.join(', ')}`]),
    ...(votes.trials === 0
      ? []
      : [`forgotten votes made two leaders of one term in ${ofTrials(votes)}`]),
  ];
  return told.length === 0 ? [] : [told.join(', and ')];
}

const STRUCK = {
  follower: 'a follower',
  leader: 'the leader',
  majority: 'a majority',
  all: 'all',
} as const;

function ofTrials({ struck, trials }: Counted): string {
  return `${count(struck)} of ${count(trials)} trials`;
}

function headlineOf(results: readonly Result[]): string[] {
  return [...rateHeadline(results), ...lossHeadline(results)];
}

function rateHeadline(results: readonly Result[]): string[] {
  const [first] = results.filter(({ cell }) => cell.loss === 'none');
  if (first === undefined) return [];
  const { syncMs } = first.cell;
  const rates = (['always', 'batched', 'lazy'] as const).flatMap((policy) => {
    const found = results.find(
      ({ cell }) => cell.loss === 'none' && cell.policy === policy && cell.syncMs === syncMs,
    );
    if (found === undefined) return [];
    const rate = middleOf(costSamples(found), 'writesPerSecond')?.value ?? null;
    return rate === null ? [] : [`**${shortNumber(rate)}** ${policy}`];
  });
  if (rates.length === 0) return [];
  return [`Writes a second with a sync of ${milliseconds(syncMs)}: ${rates.join(', ')}.`];
}

function lossHeadline(results: readonly Result[]): string[] {
  const counted = countedOf(results, isOf(['lazy'], ['all']));
  const share = shareOf(counted);
  if (share === null) return [];
  const oldest = counted.oldestMs.at(-1);
  const age = oldest === undefined ? '' : `, the oldest of them ${milliseconds(oldest)} before`;
  return [
    'When all servers lose their power, the lazy ones have lost acknowledged writes in ' +
      `**${sharePercent(share.value)}** of the trials${age}.`,
  ];
}

function setupOf(results: readonly Result[]): Pairs {
  const of = (isCost: boolean): string => {
    const counts = results
      .filter(({ cell }) => (cell.loss === 'none') === isCost)
      .map(({ samples }) => count(samples.length));
    return [...new Set(counts)].join(' or ') || 'none';
  };
  const syncs = [...new Set(results.map(({ cell }) => cell.syncMs))].join(' or ');
  return [
    [
      'servers',
      `${SERVERS}, with the settings of the lab: timeouts 150-300 ms, heartbeats 50 ms, ` +
        'PreVote, CheckQuorum, leader stickiness',
    ],
    ['links', `${LINK.delayMs} ms ± ${LINK.jitterMs} ms one way, ${CLIENT_DELAY_MS} ms to clients`],
    ['disks', `a sync takes ${syncs} ms ± 10 %, one at a time for each server`],
    ['always', 'every command is an entry, and every entry a sync, before it is acknowledged'],
    ['batched', 'what gathers during a sync shares the next one, before it is acknowledged'],
    [
      'lazy',
      `acknowledged after ${ACCEPT_US} µs; synced in the background at fixed intervals, each ` +
        'server with its own phase',
    ],
    ['cost', `${WRITES} writes a trial, ${COST_OUTSTANDING} outstanding, no faults`],
    [
      'power',
      `fails at any moment between two flushes, after writes, ${OUTSTANDING} outstanding, for a ` +
        `flush interval and ${WRITES_BEYOND_FLUSH_MS} ms; servers are up again after ` +
        `${BOOT_MS.join(' to ')} ms`,
    ],
    ['majority', 'the leader and two followers, at the same moment'],
    [
      'lost',
      `acknowledged, and not in what the leader has committed ${CATCHING_UP_MS} ms after the ` +
        'cluster could write again',
    ],
    [
      'servers that refuse',
      'they drop what a leader tells them, as no leader contradicts what is committed',
    ],
    [
      'voter',
      `${VOTE_SERVERS} servers without a leader, timeouts ${VOTE_TIMEOUT_MS.join('-')} ms, ` +
        `links ${VOTE_LINK.delayMs} ms ± ${VOTE_LINK.jitterMs} ms; the power of the first that ` +
        `votes for another fails as its vote leaves, for ${VOTE_BOOT_MS} ms`,
    ],
    [
      'checks',
      'of always and batched all of the simulator’s, linearizability included; of lazy none, or ' +
        'the first broken promise would end the run',
    ],
    ['trials', `${of(false)} of each failure and duration of a sync, ${of(true)} of each cost`],
    ['published', 'no numbers; what is expected is §3.8 of Ongaro’s dissertation'],
  ];
}
