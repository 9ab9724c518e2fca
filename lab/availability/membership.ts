/**
 * The experiment `membership`: a cluster grows from 3 servers to 5 and shrinks back under load, by
 * learners that are promoted and, as the control, by voters with a blank log.
 */

import { count, spreadOf } from '../report/samples.ts';
import { type Column, NOTHING, shortMs } from '../report/table.ts';
import { HEARTBEAT_MS } from './cluster.ts';
import { commandOf, type Experiment } from './experiment.ts';
import { membershipFindings } from './membership-findings.ts';
import { CELLS, type Cell, FULL_SIZE, type Size } from './membership-schedule.ts';
import { GAP_MAX_MS, type MembershipRow } from './membership-trial.ts';
import { rowsByCell, servedInAll } from './samples.ts';
import { unserved } from './served.ts';

export function membershipExperiment(
  size: Size = FULL_SIZE,
  cells: readonly Cell[] = CELLS,
): Experiment<MembershipRow> {
  return {
    name: 'membership',
    question: 'Does a cluster stay available while it grows from 3 servers to 5 and shrinks back?',
    seeds: '1..30',
    quickSeeds: '1..3',
    promise: 'learners keep the cluster available in every run, and the control does not',
    tasks: (seeds) =>
      cells.flatMap((cell) =>
        seeds.map((seed, trial) => {
          return { run: 'membershipTrial', cell, trial, seed, size, withCurve: trial === 0 };
        }),
      ),
    complaints: idleControls,
    cellText,
    findings: (trials, complaints, seeds) => membershipFindings(trials, complaints, seeds, size),
    columns,
  };
}

export const main = commandOf(membershipExperiment());

function cellText({ catchUp, leaves, servers, variant }: Cell): string {
  const leader = leaves === 'leader' ? ', leader leaves' : '';
  return `${variant}, ${servers}, ${catchUp}${leader}`;
}

/** Where a blank voter does no harm, that learners do none says nothing. */
function idleControls(rows: readonly MembershipRow[]): string[] {
  return rowsByCell(rows).flatMap(({ factors, rows: own }) => {
    if (factors.variant !== 'blank' || factors.servers === 'all up') return [];
    const { median } = spreadOf(own.map(({ metrics }) => metrics.gapMs));
    if ((median ?? 0) > GAP_MAX_MS) return [];
    return [`the control shows no gap (${cellText(factors)}): a longer log would`];
  });
}

function columns(rows: readonly MembershipRow[]): Column[] {
  const cells = rowsByCell(rows).map(({ factors, rows: own }) => {
    const gaps = spreadOf(own.map(({ metrics }) => metrics.gapMs));
    const served = servedInAll(own);
    return { factors, gaps, served, failed: own.filter(({ audit }) => audit !== 'ok').length };
  });
  const column = (
    head: string,
    of: (cell: (typeof cells)[number]) => string,
    drop?: number,
  ): Column => ({ head, cells: cells.map(of), ...(drop === undefined ? {} : { drop }) });
  return [
    { ...column('cell', ({ factors }) => cellText(factors)), left: true },
    column('gap ms', ({ gaps }) => shortMs(gaps.median), 2),
    column('max', ({ gaps }) => shortMs(gaps.max)),
    column('beats', ({ gaps }) => (gaps.max === null ? NOTHING : beats(gaps.max)), 3),
    column('unserved', ({ served }) => count(unserved(served))),
    column('lost', ({ served }) => count(served.acknowledgedWritesLost), 1),
    {
      ...column('bound', ({ factors, failed }) => {
        if (factors.variant === 'blank') return 'control';
        return failed === 0 ? 'holds' : `FAILED ${failed}`;
      }),
      left: true,
    },
  ];
}

function beats(ms: number): string {
  return (ms / HEARTBEAT_MS).toFixed(1);
}
