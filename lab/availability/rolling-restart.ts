/**
 * The experiment `rolling-restart`: every server of a cluster is restarted in turn under load; who
 * leads hands leadership over first (§3.10), or does not.
 */

import { count, spreadOf } from '../report/samples.ts';
import { type Column, shortMs } from '../report/table.ts';
import { commandOf, type Experiment } from './experiment.ts';
import { leadersRestarts, rollingFindings } from './rolling-findings.ts';
import { CELLS, type Cell } from './rolling-schedule.ts';
import type { RollingRow } from './rolling-trial.ts';
import { rowsByCell, servedInAll } from './samples.ts';
import { unserved } from './served.ts';

export function rollingExperiment(cells: readonly Cell[] = CELLS): Experiment<RollingRow> {
  return {
    name: 'rolling-restart',
    question: 'What does it cost to restart every server in turn, with and without transfer?',
    seeds: '1..100',
    quickSeeds: '1..5',
    promise: 'no acknowledged write is lost and, with transfer, every request is served',
    tasks: (seeds) =>
      cells.flatMap((cell) =>
        seeds.map((seed, trial) => {
          return { run: 'rollingTrial', cell, trial, seed, withCurve: trial === 0 };
        }),
      ),
    complaints: () => [],
    cellText: ({ nodes, way }) => `${nodes} servers, ${way}`,
    findings: rollingFindings,
    columns,
  };
}

export const main = commandOf(rollingExperiment());

function columns(rows: readonly RollingRow[]): Column[] {
  const cells = rowsByCell(rows).map(({ factors, rows: own }) => {
    const leaders = leadersRestarts(own);
    const gaps = spreadOf(leaders.map(({ gapMs }) => gapMs));
    const failed = own.filter(({ audit }) => audit !== 'ok').length;
    return { factors, gaps, leaders, served: servedInAll(own), failed };
  });
  const column = (
    head: string,
    of: (cell: (typeof cells)[number]) => string,
    drop?: number,
  ): Column => ({ head, cells: cells.map(of), ...(drop === undefined ? {} : { drop }) });
  return [
    { ...column('cell', ({ factors }) => `${factors.nodes} servers, ${factors.way}`), left: true },
    column('leaders', ({ leaders }) => count(leaders.length), 3),
    column('gap ms', ({ gaps }) => shortMs(gaps.median)),
    column('p90', ({ gaps }) => shortMs(gaps.p90), 2),
    column('max', ({ gaps }) => shortMs(gaps.max)),
    column('unserved', ({ served }) => count(unserved(served))),
    column('lost', ({ served }) => count(served.acknowledgedWritesLost)),
    { ...column('audit', ({ failed }) => (failed === 0 ? 'ok' : `FAILED ${failed}`)), left: true },
  ];
}
