/** What the experiment `rolling-restart` says of its runs. */

import type { Figure, Findings, Pairs, Table } from '../report/content.ts';
import { PALETTE } from '../report/plot.ts';
import { count, spreadCells, spreadOf } from '../report/samples.ts';
import { stripPlot } from '../report/strip-plot.ts';
import { milliseconds, shortMs } from '../report/table.ts';
import { REQUEST_TIMEOUT_MS, REQUESTS_PER_SECOND, SETTINGS } from './cluster.ts';
import { curvePlot, type Panel } from './curve-plot.ts';
import { DOWN_MS, type Way } from './rolling-schedule.ts';
import type { RestartMetrics, RollingRow } from './rolling-trial.ts';
import { rowsByCell, servedInAll, unservedText } from './samples.ts';
import { unserved } from './served.ts';
import type { Trial } from './trial.ts';

const COLORS: Readonly<Record<Way, string>> = { 'with transfer': PALETTE[0], without: PALETTE[1] };

const SHOWS = [
  'With transfer: the cluster is without a leader for a few messages and a vote, since the ' +
    'successor need not wait for an election timeout (§3.10); nothing that clients asked was lost.',
  'Without: it is without a leader until an election timeout has passed at a follower, and ' +
    'another server, which may be the next to go down, is elected; requests wait that long.',
  'Either way no acknowledged write is lost: a write is acknowledged when a majority has it on ' +
    'disk, and a majority stays up.',
  'A client that has asked nothing since the transfer asks the server that is down, and another ' +
    'one only when it repeats its request: some of the puts come late, and with them commits.',
  'A follower that restarts costs nothing that commits show: the others are a majority.',
];

const SHOWS_NOT = [
  'Servers that take long to start: each is down for the same short time, and reads a short log.',
  'Requests that time out sooner than an election takes: these would fail without transfer.',
  'A transfer to a server that is slow, or that fails meanwhile: the leader then takes up its ' +
    'work again after an election timeout (§3.10).',
];

export function rollingFindings(
  trials: readonly Trial<RollingRow>[],
  complaints: readonly string[],
  seeds: string,
): Findings {
  const rows = trials.map(({ row }) => row);
  return {
    verdict: verdictOf(rows, complaints.length),
    headline: headlineOf(rows),
    setup: setupOf(seeds),
    figures: [curveFigure(trials), stripFigure(rows)],
    tables: [restartTable(rows), requestTable(rows)],
    shows: SHOWS,
    showsNot: SHOWS_NOT,
  };
}

/** Of servers that led when their turn came, whether they led on or had handed over. */
export function leadersRestarts(rows: readonly RollingRow[]): RestartMetrics[] {
  return rows.flatMap(({ metrics }) => metrics.restarts.filter(({ led }) => led));
}

// ---- Sentences ----------------------------------------------------------------------------------

function verdictOf(rows: readonly RollingRow[], complaints: number): string {
  if (complaints > 0) return `${complaints} of ${rows.length} runs failed.`;
  return (
    `In ${rows.length} rolling restarts no acknowledged write was lost, and with transfer every ` +
    'request was served.'
  );
}

function headlineOf(rows: readonly RollingRow[]): string[] {
  const gapText = (way: Way): string => {
    const own = rows.filter(({ factors }) => factors.way === way);
    const { max, median } = spreadOf(leadersRestarts(own).map(({ gapMs }) => gapMs));
    return `**${milliseconds(median)}** in the median and ${milliseconds(max)} at most`;
  };
  const withTransfer = rows.filter(({ factors }) => factors.way === 'with transfer');
  const served = servedInAll(withTransfer);
  const handOver = leadersRestarts(withTransfer).map(({ gapBeforeDownMs }) => gapBeforeDownMs);
  return [
    `When the server that leads is restarted, nothing is committed for ` +
      `${gapText('with transfer')} with a transfer first, and for ${gapText('without')} without.`,
    `Handing over takes ${milliseconds(spreadOf(handOver).max)} of that at most: the rest are ` +
      'clients that have not heard of the new leader when the old one goes down.',
    `With transfer, ${unservedText(served)} requests were not served.`,
  ];
}

function setupOf(seeds: string): Pairs {
  const { electionTimeoutMs, heartbeatMs } = SETTINGS;
  return [
    ['servers', '3 and 5, n1 leading at first'],
    ['restart', `crash, ${DOWN_MS} ms down, start; the next one once all have caught up`],
    ['transfer', 'from n1 to the last server, and from that one back, before they go down'],
    ['election timeout', `${electionTimeoutMs.join(' to ')} ms, with PreVote and CheckQuorum`],
    ['heartbeat', `${heartbeatMs} ms`],
    ['links', '0.5 to 2 ms one way, drawn for each seed'],
    ['load', `${REQUESTS_PER_SECOND} requests a second, half puts and half gets, open`],
    ['time limit of a request', `${REQUEST_TIMEOUT_MS} ms`],
    ['seeds', seeds],
  ];
}

// ---- Figures ------------------------------------------------------------------------------------

function curveFigure(trials: readonly Trial<RollingRow>[]): Figure {
  const panels = new Map<number, Panel['series'][number][]>();
  for (const { curve, row } of trials) {
    const { nodes, way } = row.factors;
    if (curve === null) continue;
    const series = panels.get(nodes) ?? [];
    series.push({ label: way, color: COLORS[way], dashed: way === 'without', curve });
    panels.set(nodes, series);
  }
  const title = 'Entries committed since the turn of the first server';
  const legend = { title, x: 'seconds', strong: 'a full bar: it led when it went down' };
  const drawn = [...panels].map(
    ([nodes, series]): Panel => ({ title: `${nodes} servers`, series }),
  );
  return {
    title: 'The first restart, with and without transfer',
    file: 'commits.svg',
    svg: curvePlot(drawn, legend),
    caption:
      'The first seed. Leadership is handed over at 0, and n1 goes down soon after 0.3 s. The ' +
      'bar ends when n1 knew of all that was committed. Where the line is flat, the cluster ' +
      'commits nothing; it then makes up for the requests that its clients have kept.',
  };
}

function stripFigure(rows: readonly RollingRow[]): Figure {
  const strips = rowsByCell(rows).map(({ factors: { nodes, way }, rows: own }) => ({
    label: `${nodes} servers, ${way}`,
    color: COLORS[way],
    samplesMs: leadersRestarts(own).map(({ gapMs }) => gapMs),
  }));
  const title = 'Time without a commit when the server that leads is restarted';
  const x = 'milliseconds, a dot for each restart';
  return {
    title: 'All seeds',
    file: 'gaps.svg',
    svg: stripPlot(strips, { title, x, bound: null }),
    caption:
      `A put comes every ${2000 / REQUESTS_PER_SECOND} ms, drawn within its share of the time: ` +
      'a gap of up to 15 ms is the load, and no doing of the cluster.',
  };
}

// ---- Tables -------------------------------------------------------------------------------------

function restartTable(rows: readonly RollingRow[]): Table {
  return {
    title: 'Gaps by restart',
    heads: [
      'servers',
      'way',
      'restart of',
      'restarts',
      'led when down',
      'gap, median ms',
      'p90',
      'max',
      'before it is down, max',
      'back after ms',
    ],
    words: 3,
    rows: rowsByCell(rows).flatMap(({ factors, rows: own }) =>
      [true, false].map((led) => {
        const all = own.flatMap(({ metrics }) => metrics.restarts);
        const restarts = all.filter((restart) => restart.led === led);
        return [
          String(factors.nodes),
          factors.way,
          led ? 'the leader' : 'a follower',
          count(restarts.length),
          count(restarts.filter(({ ledWhenDown }) => ledWhenDown).length),
          ...spreadCells(spreadOf(restarts.map(({ gapMs }) => gapMs))),
          shortMs(spreadOf(restarts.map(({ gapBeforeDownMs }) => gapBeforeDownMs)).max),
          shortMs(spreadOf(restarts.flatMap(({ backAfterMs }) => backAfterMs ?? [])).max),
        ];
      }),
    ),
    note:
      'Gap: the longest time between two advances of the commit index, from the moment the turn ' +
      'of a server comes until the next one’s does; and that part of it before the server goes ' +
      'down, which is what handing over costs. The leader: who led when its turn came. Back ' +
      'after: from going down until it knew of all that was committed, at most.',
  };
}

function requestTable(rows: readonly RollingRow[]): Table {
  return {
    title: 'Requests',
    heads: [
      'servers',
      'way',
      'runs',
      'requests',
      'failed',
      'unknown',
      'not served',
      'slowest answer ms',
      'acknowledged writes lost',
    ],
    words: 2,
    rows: rowsByCell(rows).map(({ factors, rows: own }) => {
      const served = servedInAll(own);
      return [
        String(factors.nodes),
        factors.way,
        count(own.length),
        count(served.requests),
        count(served.failed),
        count(served.unknown),
        count(unserved(served)),
        shortMs(served.slowestMs),
        count(served.acknowledgedWritesLost),
      ];
    }),
    note:
      'Not served: failed, of unknown outcome, or still waiting for their turn at the end. ' +
      'Slowest answer: of those served, from the moment the request was due. A client that still ' +
      'takes a server that is down for the leader asks it first, and another only after a while.',
  };
}
