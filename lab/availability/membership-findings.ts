/** What the experiment `membership` says of its runs. */

import type { Figure, Findings, Pairs, Table } from '../report/content.ts';
import { PALETTE } from '../report/plot.ts';
import { count, spreadCells, spreadOf } from '../report/samples.ts';
import { stripPlot } from '../report/strip-plot.ts';
import { milliseconds, NOTHING, shortMs } from '../report/table.ts';
import { HEARTBEAT_MS, REQUEST_TIMEOUT_MS, REQUESTS_PER_SECOND, SETTINGS } from './cluster.ts';
import { curvePlot, type Panel, type Series } from './curve-plot.ts';
import type { Cell, Size, Variant } from './membership-schedule.ts';
import { GAP_MAX_MS, type MembershipRow } from './membership-trial.ts';
import { rowsByCell, servedInAll, unservedText } from './samples.ts';
import { unserved } from './served.ts';
import type { Trial } from './trial.ts';

const COLORS: Readonly<Record<Variant, string>> = { learner: PALETTE[0], blank: PALETTE[1] };
const NAMES: Readonly<Record<Variant, string>> = {
  learner: 'learner, then promoted',
  blank: 'blank voter',
};

const SHOWS = [
  'Learner, then promoted: who joins takes part in no majority before it has caught up, so ' +
    'neither the length of the log nor a server that is down costs the cluster anything (§4.2.1).',
  'Blank voter, all servers up: nobody notices, since the first three are a majority of four and ' +
    'of five; what is gone until it has caught up is the failure that could be borne before.',
  'Blank voter, one server down: it is needed for the majority of four, and nothing commits ' +
    'until it has the log: the gap is as long as catching up takes (§4.2.1, figure 4.4).',
  'A leader that leaves: it leads until its removal has committed, and then has another server ' +
    'begin an election at once (§4.2.2, §3.10); the gap is an election without its timeout.',
];

const SHOWS_NOT = [
  'What catching up costs a busy machine: time is virtual, nothing takes processor time, and ' +
    'each pair of servers has a link of its own, so that entries for a newcomer delay nobody else.',
  'Links that lose messages, and servers that fail while a change is under way: the swarm of ' +
    'the simulator does that, with safety as its question.',
  'Changes of more than one server at a time, which go through a joint configuration (§4.3).',
];

export function membershipFindings(
  trials: readonly Trial<MembershipRow>[],
  complaints: readonly string[],
  seeds: string,
  size: Size,
): Findings {
  const rows = trials.map(({ row }) => row);
  return {
    verdict: verdictOf(rows, complaints.length),
    headline: headlineOf(rows),
    setup: setupOf(seeds, size),
    figures: [curveFigure(trials), stripFigure(rows)],
    tables: [gapTable(rows), changeTable(rows)],
    shows: SHOWS,
    showsNot: SHOWS_NOT,
  };
}

// ---- Sentences ----------------------------------------------------------------------------------

function verdictOf(rows: readonly MembershipRow[], complaints: number): string {
  const learners = rows.filter(({ factors }) => factors.variant === 'learner');
  if (complaints > 0) {
    const failed = rows.filter(({ audit }) => audit !== 'ok').length;
    return `${failed} of ${rows.length} runs failed, or the control showed nothing.`;
  }
  return (
    `By learners, in all ${learners.length} runs no request was lost and no gap in commits was ` +
    `longer than two heartbeats (${GAP_MAX_MS} ms).`
  );
}

function headlineOf(rows: readonly MembershipRow[]): string[] {
  const learners = rows.filter(({ factors }) => factors.variant === 'learner');
  const { max } = gapsOf(learners);
  const unservedByLearners = unservedText(servedInAll(learners));
  const first =
    `By learner-then-promoted, the longest gap between two commits while membership changed was ` +
    `**${milliseconds(max)}**, ${beats(max)} heartbeats, and ` +
    `**${unservedByLearners}** requests were not served.`;
  const down = rows.filter(
    ({ factors }) => factors.variant === 'blank' && factors.servers === 'one down',
  );
  if (down.length === 0) return [first];
  const median = (catchUp: Cell['catchUp']): string => {
    const own = down.filter(({ factors }) => factors.catchUp === catchUp);
    return `**${milliseconds(gapsOf(own).median)}**`;
  };
  const second =
    `A blank voter, with one of three servers down, stopped the cluster for ${median('entries')} ` +
    `in the median where it got the log as entries, for ${median('snapshot')} where it got a ` +
    `snapshot; ${unservedText(servedInAll(down))} requests were not served.`;
  return [first, second];
}

function setupOf(seeds: string, { bytesPerSecond, changeEveryMs, large }: Size): Pairs {
  const { electionTimeoutMs, heartbeatMs } = SETTINGS;
  const [slow, fast] = bytesPerSecond.map((bytes) => (bytes / 1e6).toFixed(1));
  return [
    ['servers', '3, and 2 spares'],
    ['changes', `join n4, join n5, leave, leave; one every ${changeEveryMs / 1000} s`],
    ['election timeout', `${electionTimeoutMs.join(' to ')} ms, with PreVote and CheckQuorum`],
    ['heartbeat', `${heartbeatMs} ms`],
    ['log before the first change', `${count(large.count)} puts of ${large.bytes} bytes`],
    ['state', `${count(large.keys)} keys of that size`],
    ['links', `${slow} to ${fast} MB/s and 0.5 to 2 ms one way, drawn for each seed`],
    ['load', `${REQUESTS_PER_SECOND} requests a second, half puts and half gets, open`],
    ['time limit of a request', `${REQUEST_TIMEOUT_MS} ms`],
    [
      'one down',
      'a follower of the first three, from before the first join until after the second',
    ],
    ['seeds', seeds],
  ];
}

// ---- Figures ------------------------------------------------------------------------------------

function curveFigure(trials: readonly Trial<MembershipRow>[]): Figure {
  const panels = new Map<string, Series[]>();
  for (const { curve, row } of trials) {
    const { catchUp, leaves, servers, variant } = row.factors;
    if (curve === null || leaves === 'leader') continue;
    const title = `${servers}, newcomers get ${catchUp === 'entries' ? 'entries' : 'a snapshot'}`;
    const series = panels.get(title) ?? [];
    const dashed = variant === 'blank';
    series.push({ label: NAMES[variant], color: COLORS[variant], dashed, curve });
    panels.set(title, series);
  }
  const title = 'Entries committed since the first change';
  const legend = { title, x: 'seconds since the first change was asked for', strong: '' };
  const drawn = [...panels].map(([title, series]): Panel => ({ title, series }));
  return {
    title: 'One seed, beside the control',
    file: 'commits.svg',
    svg: curvePlot(drawn, legend),
    caption:
      'The first seed. Bars show how long each change took, from being asked for until its last ' +
      'configuration was committed. Where the line is flat, the cluster commits nothing; it then ' +
      'makes up for what its clients have kept, and commits what they have repeated as well.',
  };
}

function stripFigure(rows: readonly MembershipRow[]): Figure {
  const strips = rowsByCell(rows).map(({ factors, rows: own }) => ({
    label: cellName(factors),
    color: COLORS[factors.variant],
    samplesMs: own.map(({ metrics }) => metrics.gapMs),
  }));
  const bound = { ms: GAP_MAX_MS, label: 'two heartbeats' };
  const title = 'Longest time without a commit';
  return {
    title: 'All seeds',
    file: 'gaps.svg',
    svg: stripPlot(strips, { title, x: 'milliseconds, a dot for each run', bound }),
    caption:
      `A put comes every ${2000 / REQUESTS_PER_SECOND} ms, drawn within its share of the time: ` +
      'a gap of up to 15 ms is the load, and no doing of the cluster.',
  };
}

// ---- Tables -------------------------------------------------------------------------------------

function gapTable(rows: readonly MembershipRow[]): Table {
  return {
    title: 'Gaps and requests',
    heads: [
      'variant, servers, log',
      'within bound',
      'gap, median ms',
      'p90',
      'max',
      'max in heartbeats',
      'requests not served',
      'slowest answer ms',
      'acked writes lost',
    ],
    words: 1,
    rows: rowsByCell(rows).map(({ factors, rows: own }) => {
      const gaps = gapsOf(own);
      const served = servedInAll(own);
      return [
        cellName(factors),
        boundText(own),
        ...spreadCells(gaps),
        beats(gaps.max),
        unservedText(served),
        shortMs(served.slowestMs),
        count(served.acknowledgedWritesLost),
      ];
    }),
    note:
      'Within bound: runs in which every request was served and no gap was longer than two ' +
      'heartbeats. Gap: the longest time between two advances of the commit index in a run, ' +
      'from the first change asked for until the end, whoever leads or none. Not served: ' +
      'failed, of unknown outcome, or still waiting for their turn at the end. Slowest answer: ' +
      'of those served, from the moment the request was due.',
  };
}

function changeTable(rows: readonly MembershipRow[]): Table {
  return {
    title: 'Each change',
    heads: ['variant, servers, log', 'join n4', 'join n5', 'leave n5', 'last leave'],
    words: 1,
    rows: rowsByCell(rows).map(({ factors, rows: own }) => {
      const names = own[0]?.metrics.changes.map(({ name }) => name) ?? [];
      const cells = names.map((_, i) => {
        const changes = own.flatMap(({ metrics }) => metrics.changes[i] ?? []);
        const took = spreadOf(changes.flatMap(({ tookMs }) => tookMs ?? []));
        const gap = spreadOf(changes.map(({ gapMs }) => gapMs));
        return `${shortMs(took.median)} · ${shortMs(gap.max)}`;
      });
      return [cellName(factors), ...cells];
    }),
    note:
      'Milliseconds: what the change took until it was committed, in the median, and the longest ' +
      'gap of all runs until the next change. Last n4 leaves, or the leader.',
  };
}

function cellName({ catchUp, leaves, servers, variant }: Cell): string {
  const leader = leaves === 'leader' ? ', leader leaves' : '';
  return `${variant === 'blank' ? 'blank voter' : 'learner'}, ${servers}, ${catchUp}${leader}`;
}

function boundText(rows: readonly MembershipRow[]): string {
  const within = rows.filter(({ audit, metrics }) => audit === 'ok' && keepsBound(metrics)).length;
  return `${within} of ${rows.length}`;
}

function keepsBound({ gapMs, served }: MembershipRow['metrics']): boolean {
  return gapMs <= GAP_MAX_MS && unserved(served) === 0;
}

function gapsOf(rows: readonly MembershipRow[]) {
  return spreadOf(rows.map(({ metrics }) => metrics.gapMs));
}

function beats(ms: number | null): string {
  return ms === null ? NOTHING : (ms / HEARTBEAT_MS).toFixed(1);
}
