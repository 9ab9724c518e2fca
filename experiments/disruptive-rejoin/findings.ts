/** What the study says: which of the refinements keep a healthy leader from being deposed. */
import type { Findings, Pairs } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { mean, quantile } from '../../lab/report/stats.ts';
import { milliseconds, percent, shortNumber } from '../../lab/report/table.ts';
import type { About } from '../../lab/study/study.ts';
import { figuresOf } from './figures.ts';
import { disruptedOf, find, outagesMs, type Result } from './numbers.ts';
import {
  AWAY_MS,
  ELECTION_TIMEOUT_MS,
  HEARTBEAT_MS,
  LINK,
  SERVERS,
  VARIANT_NAMES,
  VARIANT_TITLES,
  WATCHED_MS,
  WHO,
  WRITES_PER_SECOND,
} from './setup.ts';
import { isAsExpected, tablesOf } from './tables.ts';

const SHOWS = [
  'What deposes the leader is a term that ran ahead while nobody answered. PreVote keeps it ' +
    'from running (§9.6); stickiness alone does not, since the leader hears of it in the answer ' +
    'to its own heartbeat.',
  'Who was removed is sent no heartbeats, so it answers none, and stickiness alone is enough ' +
    'against it (§4.2.3). Without, it deposes one leader after the other for as long as it runs.',
  'PreVote asks whose log is at least as good, not whether anybody is missing a leader. Where ' +
    'nothing is written it therefore leaves a chance, as long as the wait for the first ' +
    'heartbeat; stickiness, which withholds pre-votes as well, closes it.',
  'CheckQuorum by itself is about leaders that have lost their followers, and does nothing here.',
];

const SHOWS_NOT = [
  'A leader that is cut off and returns, and cuts that part only some (see partial-partitions).',
  'A removed server that is as far as the others because the removal has not reached them: here ' +
    'it returns long after, and its log is behind.',
  'Slow disks, and clocks that run apart.',
];

export function findings(results: readonly Result[], { seed }: About): Findings {
  return {
    verdict: verdictOf(results),
    holds: results.every((each) => each.samples.length === 0 || isAsExpected(each)),
    headline: headlineOf(results),
    setup: setupOf(results),
    figures: figuresOf(results),
    tables: tablesOf(results, seed),
    shows: SHOWS,
    showsNot: SHOWS_NOT,
  };
}

function verdictOf(results: readonly Result[]): string {
  const measured = results.filter(({ samples }) => samples.length > 0);
  if (measured.length === 0) return 'Nothing was measured.';
  const groups = groupedByWorst(measured);
  const never = groups.get(0) ?? [];
  const kept =
    never.length === 0
      ? 'A healthy leader is deposed with all of these variants'
      : `A healthy leader is never deposed with ${listed(never)}`;
  const others = [...groups].filter(([share]) => share > 0).sort(([a], [b]) => b - a);
  const deposed = others.map(([share, names]) => `${percent(share)} with ${listed(names)}`);
  const worst =
    deposed.length === 0 ? '' : `; in its worst case it is in ${deposed.join(', and in ')}`;
  const within = measured.filter(isAsExpected).length;
  return `${kept}${worst}; ${within} of ${measured.length} shares are as the rules have it.`;
}

/** The variants by the share of trials with a disruption, in whichever case has the most. */
function groupedByWorst(results: readonly Result[]): Map<number, string[]> {
  const groups = new Map<number, string[]>();
  for (const variant of VARIANT_NAMES) {
    const own = results.filter(({ cell }) => cell.variant === variant);
    if (own.length === 0) continue;
    const worst = Math.max(...own.map((each) => disruptedOf(each) / each.samples.length));
    groups.set(worst, [...(groups.get(worst) ?? []), VARIANT_TITLES[variant]]);
  }
  return groups;
}

function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')}, or ${last}`;
}

function headlineOf(results: readonly Result[]): string[] {
  const lines: string[] = [];
  const returned = find(results, 'plain', 'behind');
  if (returned !== undefined && disruptedOf(returned) > 0) {
    const { samples } = returned;
    const outage = milliseconds(quantile(outagesMs(samples), 0.5));
    const terms = shortNumber(mean(samples.map(({ terms: moved }) => moved)));
    const share = percent(disruptedOf(returned) / samples.length);
    lines.push(
      `Under plain Raft a follower that was cut off for ${AWAY_MS / 1000} s deposes the leader ` +
        `in **${share}** of the trials: nothing commits for **${outage}** in the median, and ` +
        `the cluster moves on by **${terms} terms** in the mean.`,
    );
  }
  const sticky = find(results, 'sticky', 'behind');
  const [before, worse] = [returned, sticky].map((result) =>
    quantile(outagesMs(result?.samples ?? []), 0.5),
  );
  if (typeof before === 'number' && typeof worse === 'number' && worse > before) {
    lines.push(
      `Stickiness alone makes that longer, **${milliseconds(worse)}**: it withholds votes from ` +
        'those who would replace the leader, too.',
    );
  }
  const removed = find(results, 'plain', 'removed');
  if (removed !== undefined && disruptedOf(removed) > 0) {
    const { samples } = removed;
    const changes = (mean(samples.map(({ leaderChanges }) => leaderChanges)) ?? 0) * 1000;
    const without = (mean(samples.map(({ outageMs }) => outageMs)) ?? 0) / WATCHED_MS;
    lines.push(
      'A removed server that still runs does it again and again: ' +
        `**${shortNumber(changes / WATCHED_MS)} leaders a second**, and nothing is committed ` +
        `**${percent(without)}** of the time.`,
    );
  }
  return lines;
}

function setupOf(results: readonly Result[]): Pairs {
  const counts = WHO.flatMap((who) => {
    const own = results.filter(({ cell }) => cell.who === who);
    return own.length === 0 ? [] : [`${who} ${count(own[0]?.samples.length ?? 0)}`];
  });
  const [low, high] = ELECTION_TIMEOUT_MS;
  return [
    ['servers', `${SERVERS}; one follower is cut off, both ways, and then is not`],
    ['away', `${AWAY_MS / 1000} s, and up to a heartbeat interval more`],
    ['behind', 'clients write meanwhile, and go on'],
    ['level', 'nothing is written, before or after'],
    ['removed', 'meanwhile the others take it out, which it never hears; clients write'],
    ['watched', `${WATCHED_MS / 1000} s from the return on`],
    ['load', `${WRITES_PER_SECOND} writes a second, open`],
    ['links', `${LINK.delayMs} ms ± ${LINK.jitterMs} ms one way, uniform`],
    ['disks', 'without latency'],
    ['election timeout', `${low} to ${high} ms; heartbeat ${HEARTBEAT_MS} ms`],
    ['stickiness', 'no votes within the minimum timeout of hearing from a leader (§4.2.3)'],
    ['PreVote', 'who would not win does not begin a term (§9.6)'],
    ['CheckQuorum', 'a leader that hears from no majority steps down (§6.2)'],
    ['trials', `${counts.join(', ')} of each variant, which meet the same chance`],
    ['judged', 'every trial: replicas equal, and what clients saw linearizable'],
  ];
}
