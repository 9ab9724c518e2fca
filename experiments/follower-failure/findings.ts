/** What the study says: latencies beside what the order of the followers' answers makes of them. */
import type { Findings, Pairs } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { milliseconds } from '../../lab/report/table.ts';
import { figuresOf } from './figures.ts';
import {
  type Compared,
  comparisons,
  find,
  medianMs,
  type Result,
  slowdowns,
  TOLERANCE,
} from './numbers.ts';
import {
  AFTER_RETURN_MS,
  DISK_MS,
  LINK,
  MEASURED_MS,
  OUTSTANDING,
  SLOWER_MS,
  THROUGHPUT_MS,
  UPLINK_BYTES_PER_SECOND,
  VALUE_BYTES,
  WRITES_PER_SECOND,
} from './setup.ts';
import { latencyTable, returnTable } from './tables.ts';

const SHOWS = [
  'A write waits for the fastest of the followers that make a majority with the leader. Each ' +
    'that fails leaves fewer to choose from; with as many gone as can be borne, it waits for the ' +
    'slowest of those that are left.',
  'Dashed curves are not fitted: they follow from the ranges of links and disks and the order ' +
    'of the answers alone.',
  'Who is back gets all it missed at once. While the leader sends that, writes wait for its ' +
    'line: a few take several times as long, and then it is over. A slow disk or link leaves ' +
    'nothing to be made up for.',
];

const SHOWS_NOT = [
  'What failures cost a busy machine: time is virtual, nothing takes processor time, and a disk ' +
    'takes as long for a kilobyte as for a megabyte.',
  'Links whose delays are alike for milliseconds on end, as those of real networks are: here ' +
    'each message draws its own, so that whose answer comes first is chance each time.',
  'Leaders that fail, and clients that ask followers: who fails here leads nothing, and every ' +
    'client knows the leader.',
  'Backlogs beyond what the leader’s log holds: there a snapshot would be sent.',
];

export function followerFailureFindings(results: readonly Result[]): Findings {
  const compared = comparisons(results);
  return {
    verdict: verdictOf(results, compared),
    holds: compared.every(({ isWithin }) => isWithin),
    headline: headlineOf(results),
    setup: setupOf(results),
    figures: figuresOf(results),
    tables: [latencyTable(results, compared), returnTable(results)],
    shows: SHOWS,
    showsNot: SHOWS_NOT,
  };
}

function verdictOf(results: readonly Result[], compared: readonly Compared[]): string {
  const ratios = slowdowns(results).map(({ ratio }) => ratio);
  const within = compared.filter(({ isWithin }) => isWithin).length;
  const theory =
    `${within} of ${compared.length} quantiles lie within ${TOLERANCE * 100} % of what the order ` +
    'of the answers alone makes of them';
  if (ratios.length === 0) {
    return compared.length === 0 ? 'Nothing was measured.' : `Of the latencies, ${theory}.`;
  }
  const longer = rangeText(ratios.map((ratio) => (ratio - 1) * 100));
  return (
    `With as many followers failed as can be borne, the median write takes ${longer} % longer ` +
    `than with none, ${spreadText(results)}; ${theory}.`
  );
}

/** Whether it matters how followers fail, judged by how far apart the medians lie. */
function spreadText(results: readonly Result[]): string {
  const counts = results.filter(({ cell }) => cell.failed > 0);
  let [most, compared] = [1, false];
  for (const { cell } of counts) {
    const alike = counts.filter((other) => {
      return other.cell.nodes === cell.nodes && other.cell.failed === cell.failed;
    });
    const medians = alike.flatMap((result) => medianMs(result) ?? []);
    if (medians.length < 2) continue;
    compared = true;
    most = Math.max(most, Math.max(...medians) / Math.min(...medians));
  }
  if (!compared) return 'in the one way of failing that was tried';
  if (most - 1 <= TOLERANCE) return 'however they fail';
  return `and how they fail makes a difference of up to ${Math.round((most - 1) * 100)} %`;
}

function rangeText(values: readonly number[]): string {
  const [low, high] = [Math.round(Math.min(...values)), Math.round(Math.max(...values))];
  return low === high ? String(low) : `${low} to ${high}`;
}

function headlineOf(results: readonly Result[]): string[] {
  const told = slowdowns(results).filter(({ cell }) => cell.how === 'crash');
  const lines: string[] = [];
  if (told.length > 0) {
    const each = told.map(({ cell }) => {
      const { failed, how, nodes } = cell;
      const without = milliseconds(medianMs(find(results, nodes, 'none', 0)));
      const own = milliseconds(medianMs(find(results, nodes, how, failed)));
      return `**${without} to ${own}** in the median with ${failed} of ${nodes} servers crashed`;
    });
    lines.push(`A write goes from ${each.join(', from ')}.`);
  }
  const longest = longestWhileCatchingUp(results);
  const elections = total(results, ({ elections: own }) => own);
  const unserved = total(results, ({ unserved: own }) => own);
  if (longest !== null) {
    lines.push(
      `The longest write while servers caught up took **${milliseconds(longest)}**; in all ` +
        `trials there were **${count(elections)}** elections after the first, and ` +
        `**${count(unserved)}** writes were not served.`,
    );
  }
  return lines;
}

function longestWhileCatchingUp(results: readonly Result[]): number | null {
  let longest: number | null = null;
  for (const { samples } of results) {
    for (const { catchingUpMs } of samples) {
      for (const ms of catchingUpMs) longest = Math.max(longest ?? 0, ms);
    }
  }
  return longest;
}

function total(
  results: readonly Result[],
  of: (sample: Result['samples'][number]) => number,
): number {
  return results.flatMap(({ samples }) => samples).reduce((sum, sample) => sum + of(sample), 0);
}

function setupOf(results: readonly Result[]): Pairs {
  const trials = new Set(results.map(({ samples }) => count(samples.length)));
  const uplink = count(UPLINK_BYTES_PER_SECOND / 1e6);
  return [
    ['failures', `of followers only, for ${(MEASURED_MS + THROUGHPUT_MS) / 1000} s and more`],
    ['crash', 'the process is gone, and starts again on what its disk holds'],
    ['pause', 'the process stands still, and then finds all that was sent meanwhile'],
    ['slow disk', `each write takes ${SLOWER_MS} ms longer`],
    ['slow link', `each message from and to it takes ${SLOWER_MS} ms longer`],
    ['links', `${LINK.delayMs} ms ± ${LINK.jitterMs} ms one way, uniform, in order`],
    ['line of a server', `${uplink} MB/s, which all that it sends has to share`],
    ['disks', `${DISK_MS.join(' to ')} ms a write, uniform`],
    ['latency', `${WRITES_PER_SECOND} writes a second of ${VALUE_BYTES} bytes, evenly, open`],
    ['throughput', `${OUTSTANDING} writes of 16 bytes outstanding, at another time`],
    ['return', `all at once; watched for ${AFTER_RETURN_MS} ms`],
    ['election timeout', '150 to 300 ms, with PreVote and CheckQuorum; heartbeat 50 ms'],
    ['trials', `${[...trials].join(' and ')} of each cell, of ${MEASURED_MS / 1000} s`],
    ['judged', 'every trial: replicas equal, and what clients saw linearizable'],
  ];
}
