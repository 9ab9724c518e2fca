/** The results as tables for a terminal. */
import { type Column, milliseconds, NOTHING, textTable } from '../report/table.ts';
import { leaderLossMs, majorityBackMs, type Results } from './document.ts';
import type { ScenarioResult } from './perform.ts';
import type { StaircaseResult } from './staircase.ts';

type Row = Pick<ScenarioResult, 'complaints' | 'load'>;

export function terminalText({ staircases, scenarios }: Results, columns: number): string {
  const tables = [
    ...(staircases.length === 0 ? [] : [textTable(staircaseColumns(staircases), columns)]),
    ...(scenarios.length === 0 ? [] : [textTable(scenarioColumns(scenarios), columns)]),
  ];
  return tables.map((lines) => lines.join('\n')).join('\n\n');
}

/** The longest of some times; there are too few for anything finer. */
export function longest(timesMs: readonly number[]): string {
  return timesMs.length === 0 ? NOTHING : milliseconds(Math.max(...timesMs));
}

function staircaseColumns(staircases: readonly StaircaseResult[]): Column[] {
  return [
    marks(staircases),
    { head: 'staircase', cells: staircases.map(({ way }) => way), left: true },
    { head: 'servers', cells: staircases.map(({ nodes }) => String(nodes)) },
    { head: 'steps', cells: staircases.map(({ steps }) => String(steps.length)), drop: 7 },
    { head: 'new leader', cells: staircases.map((each) => longest(leaderLossMs(each))), drop: 3 },
    {
      head: 'majority back',
      cells: staircases.map((each) => longest(majorityBackMs(each))),
      drop: 4,
    },
    ...loadColumns(staircases),
  ];
}

function scenarioColumns(scenarios: readonly ScenarioResult[]): Column[] {
  return [
    marks(scenarios),
    { head: 'scenario', cells: scenarios.map(({ name }) => name), left: true },
    { head: 'leaders', cells: scenarios.map((each) => String(each.leaderChanges + 1)), drop: 4 },
    {
      head: 'no write for',
      cells: scenarios.map(({ longestGapMs }) => milliseconds(longestGapMs)),
      drop: 3,
    },
    ...loadColumns(scenarios),
  ];
}

function marks(rows: readonly Row[]): Column {
  const cells = rows.map(({ complaints }) => (complaints.length === 0 ? '✓' : '✕'));
  return { head: '', cells, left: true };
}

function loadColumns(rows: readonly Row[]): Column[] {
  const count = (of: (load: Row['load']) => number): string[] =>
    rows.map(({ load }) => String(of(load)));
  return [
    { head: 'writes', cells: count(({ acknowledged }) => acknowledged), drop: 6 },
    { head: 'unknown', cells: count(({ unknown }) => unknown), drop: 8 },
    { head: 'lost', cells: count(({ lost }) => lost.length), drop: 1 },
    {
      head: 'history',
      cells: rows.map(({ load }) => (load.linearizable === 'ok' ? 'linearizable' : 'NOT')),
      left: true,
      drop: 5,
    },
  ];
}
