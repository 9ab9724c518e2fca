/** What the study says: what reads cost, and which were stale. */
import type { Findings, Pairs } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { milliseconds, sharePercent, shortNumber } from '../../lab/report/table.ts';
import type { About } from '../../lab/study/study.ts';
import { READS, WRITES_PER_SECOND } from './cost-trial.ts';
import {
  type Counted,
  costSamples,
  countedOf,
  middleOf,
  type Result,
  shareOf,
  staleSamples,
} from './counts.ts';
import { figuresOf } from './figures.ts';
import { type Requirement, requirementsOf } from './requirements.ts';
import { CLIENT_DELAY_MS, DISK, LINK, MODE_NAMES, SERVERS } from './situations.ts';
import { CUT_MS, READ_EVERY_MS, STANDING_MS } from './stale-trial.ts';
import { tablesOf } from './tables.ts';

/** Each with the requirements that must have been measured and hold for it to be said. */
const SHOWS: readonly { readonly needs: readonly string[]; readonly text: string }[] = [
  {
    needs: ['linearizable'],
    text:
      'ReadIndex, reads at followers and reads through the log ask a majority, after the read ' +
      'came in, whether their leader still leads: a leader that has been replaced can only be ' +
      'silent, whatever its clock does.',
  },
  {
    needs: ['lease within', 'lease beyond'],
    text:
      'A lease replaces that question by arithmetic with two clocks. It needs no message, and ' +
      'it is as safe as what it assumes: clocks that run, and apart by no more than was allowed ' +
      'for. It breaks somewhat later, because an election takes longer than the minimum timeout ' +
      'that leases count with: one of the others has to time out first. That margin is luck, ' +
      'and no promise.',
  },
  {
    needs: ['lease paused', 'lease suspended'],
    text:
      'A pause is harmless to a lease and a suspension is not: after a pause the clock tells ' +
      'that the lease has run out, after a suspension it tells that no time has passed.',
  },
];

const SHOWS_NOT = [
  'How often clocks do this. The bounds and drifts are far beyond those of quartz (some tens of ' +
    'parts per million), so that few trials suffice; what breaks leases in practice is the ' +
    'stopped clock of a virtual machine, or one that is being corrected.',
  'Throughput that processors or cards limit: in virtual time messages and computing cost ' +
    'nothing, so reads per second are what the latency leaves to so many outstanding.',
  'A network that comes back at once: the old leader stays cut off from the others while it is ' +
    'asked, so the time for which it is stale is as long as it can be.',
  'Sessions and caches of clients, which may be stale by themselves.',
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
  const requirements = requirementsOf(results).filter(({ id }) => id !== 'stale');
  if (requirements.length === 0) return 'Only costs were measured here, and nothing of staleness.';
  const never = requirements.filter(({ counted }) => counted.staleTrials === 0);
  const some = requirements.filter(({ counted }) => counted.staleTrials > 0);
  const told = [
    ...(never.length === 0 ? [] : [`never stale were ${inWords(never)}`]),
    ...(some.length === 0 ? [] : [`stale were ${inWords(some)}`]),
  ].join('; ');
  const broken = requirements.filter(({ holds }) => !holds).map(({ about }) => about);
  const against =
    broken.length === 0 ? 'as §6.4 leads to expect' : `against §6.4: ${broken.join('; ')}`;
  return `${told.charAt(0).toUpperCase()}${told.slice(1)} (trials; ${against}).`;
}

function inWords(requirements: readonly Requirement[]): string {
  return requirements.map(({ about, counted }) => `${about} ${ofTrials(counted)}`).join(', ');
}

function ofTrials({ staleTrials, trials }: Counted): string {
  return `${count(staleTrials)} of ${count(trials)}`;
}

function showsOf(results: readonly Result[]): string[] {
  const holding = requirementsOf(results).filter(({ holds }) => holds);
  const ids = new Set(holding.map(({ id }) => id));
  return SHOWS.filter(({ needs }) => needs.every((id) => ids.has(id))).map(({ text }) => text);
}

function headlineOf(results: readonly Result[]): string[] {
  return [...costHeadline(results), ...safeHeadline(results), ...suspendedHeadline(results)];
}

function costHeadline(results: readonly Result[]): string[] {
  const told = (['linearizable', 'lease'] as const).flatMap((mode) => {
    const alone = results.find(
      ({ cell, samples }) =>
        cell.situation === 'healthy' && cell.mode === mode && samples.length > 0,
    );
    if (alone === undefined) return [];
    const costs = costSamples(alone);
    const messages = shortNumber(middleOf(costs, 'messagesPerRead')?.value ?? null);
    const p50 = milliseconds(middleOf(costs, 'p50Ms')?.value ?? null);
    return [`by ${MODE_NAMES[mode]} **${messages} messages** and ${p50}`];
  });
  return told.length === 0 ? [] : [`A read costs ${told.join(', ')}.`];
}

function safeHeadline(results: readonly Result[]): string[] {
  const counted = countedOf(results, 'linearizable');
  const share = shareOf(counted);
  if (share === null) return [];
  const { staleTrials, trials } = counted;
  const bound = `at most ${sharePercent(share.high)} at 95 % confidence`;
  return [
    `ReadIndex was stale in **${count(staleTrials)} of ${count(trials)} trials** in which a ` +
      `leader was replaced unnoticed (${bound}).`,
  ];
}

function suspendedHeadline(results: readonly Result[]): string[] {
  const paused = countedOf(results, 'lease', ['paused']);
  const suspended = countedOf(results, 'lease', ['suspended']);
  if (paused.trials === 0 || suspended.trials === 0) return [];
  const share = (counted: Counted): string => sharePercent(shareOf(counted)?.value ?? null);
  return [
    `A lease was stale in **${share(suspended)}** of the trials in which the leader’s clock ` +
      `stood still with it, and in ${share(paused)} of those in which it paused and the clock ` +
      'ran on.',
  ];
}

function setupOf(results: readonly Result[]): Pairs {
  const trials = new Set(
    results
      .filter((result) => staleSamples(result).length > 0)
      .map(({ samples }) => samples.length),
  );
  const costs = new Set(
    results.filter((result) => costSamples(result).length > 0).map(({ samples }) => samples.length),
  );
  const bounds = [...new Set(results.map(({ cell }) => cell.assumedPercent))].sort((a, b) => a - b);
  const counts = (of: Set<number>): string => [...of].map(count).join(' or ') || 'none';
  return [
    [
      'servers',
      `${SERVERS}, with the settings of the lab: timeouts 150-300 ms, heartbeats 50 ms, ` +
        'PreVote, CheckQuorum, leader stickiness',
    ],
    ['links', `${LINK.delayMs} ms ± ${LINK.jitterMs} ms one way, ${CLIENT_DELAY_MS} ms to clients`],
    ['disks', `${DISK.latencyMs.join(' to ')} ms a sync`],
    [
      'leases',
      'for the minimum timeout, shortened for clocks that are slow or fast by ' +
        `${bounds.join(', ')} %`,
    ],
    [
      'cost',
      `${READS} reads a trial from a healthy cluster, beside ${WRITES_PER_SECOND} writes a ` +
        'second; messages are those between servers beyond what is sent without reads',
    ],
    [
      'replaced',
      'the leader and one follower are cut off from the others at any moment between two ' +
        'heartbeats, and the others elect a leader',
    ],
    [
      'clocks',
      'the old leader’s is slow, all others are fast, by the same share, from 0.4 s before the ' +
        'cut on',
    ],
    [
      'standing still',
      `the cut-off leader is paused or suspended for ${STANDING_MS} ms, and cut off when it ` +
        'goes on',
    ],
    ['writes', 'of one key, one after the other, at the new leader; values count up'],
    [
      'reads',
      `of that key every ${READ_EVERY_MS} ms at the old leader (follower reads: at the follower ` +
        `beside it), for ${CUT_MS} ms from the cut`,
    ],
    [
      'stale',
      'older than a write that was acknowledged before the read was called; in each trial the ' +
        'checker of linearizability, which knows of neither servers nor leaders, must agree',
    ],
    ['trials', `${counts(trials)} of each case, ${counts(costs)} of each cost`],
    ['published', 'no numbers; what is expected is §6.4 of Ongaro’s dissertation'],
  ];
}
