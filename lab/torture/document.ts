/** What the parts come to: rows for `results.json`, and what did not hold. */

import type { LoadVerdict } from '../http/load.ts';
import { type Spread, spreadOf } from '../report/samples.ts';
import { commandText, type Plan } from './arguments.ts';
import { ELECTION_TIMEOUT_MS, type Kill, type Part, type PartResult } from './run.ts';

/** Of the time that service was gone, what neither start-up nor a missing majority explains. */
export type TortureRow = {
  readonly part: Part;
  readonly verdict: LoadVerdict;
  readonly startUpMs: Spread;
  /** Of kills that took away the leader or the majority and that no other overtook. */
  readonly interruptions: number;
  readonly servedAfterMs: Spread;
  readonly beyondStartUpMs: Spread;
  readonly overtaken: number;
  readonly kills: readonly Kill[];
};

export type TortureDocument = {
  readonly schemaVersion: 1;
  readonly plan: Plan;
  readonly electionTimeoutMs: number;
  readonly rows: readonly TortureRow[];
};

/** Election timeouts that recovery may take beside the start-up. */
export const TIMEOUTS_MEDIAN = 2;
export const TIMEOUTS_MAX = 5;
/** With fewer there is no median worth the name. */
const INTERRUPTIONS_MIN = 5;

export function documentOf(plan: Plan, parts: readonly PartResult[]): TortureDocument {
  return {
    schemaVersion: 1,
    plan,
    electionTimeoutMs: ELECTION_TIMEOUT_MS,
    rows: parts.map(rowOf),
  };
}

function rowOf({ part, kills, startUpsMs, verdict }: PartResult): TortureRow {
  const interrupted = interruptionsOf(kills);
  return {
    part,
    verdict,
    startUpMs: rounded(spreadOf(startUpsMs)),
    interruptions: interrupted.length,
    servedAfterMs: rounded(spreadOf(interrupted.flatMap((kill) => kill.servedAfterMs ?? []))),
    beyondStartUpMs: rounded(spreadOf(interrupted.flatMap(beyondStartUpMs))),
    overtaken: kills.filter(({ overtaken }) => overtaken).length,
    kills: kills.map(roundedKill),
  };
}

/** A kill of a follower leaves a leader and a majority: nobody need notice. */
export function interruptionsOf(kills: readonly Kill[]): Kill[] {
  return kills.filter(
    ({ hitLeader, majorityAfterMs, overtaken }) =>
      !overtaken && (hitLeader || majorityAfterMs !== 0),
  );
}

export function beyondStartUpMs({ majorityAfterMs, servedAfterMs }: Kill): number[] {
  if (majorityAfterMs === null || servedAfterMs === null) return [];
  return [Math.max(0, servedAfterMs - majorityAfterMs)];
}

export function complaintsOf({ plan, rows }: TortureDocument): string[] {
  const again = `again: ${commandText(plan)}`;
  return rows.flatMap((row) => {
    const what = row.part === 'one' ? 'one killed each second' : 'all killed at once';
    return [...unsafe(row), ...late(row)].map((text) => `${what}: ${text}; ${again}`);
  });
}

function unsafe({ verdict, kills }: TortureRow): string[] {
  const { linearizable, lost } = verdict;
  const unserved = kills.filter(({ servedAfterMs }) => servedAfterMs === null).length;
  return [
    ...(linearizable === 'ok' ? [] : [`the history is ${linearizable}`]),
    ...(lost.length === 0
      ? []
      : [`${lost.length} acknowledged writes are lost, first ${JSON.stringify(lost[0])}`]),
    ...(unserved === 0 ? [] : [`after ${unserved} kills nothing was served any more`]),
  ];
}

function late({ beyondStartUpMs: { median, max }, interruptions }: TortureRow): string[] {
  if (interruptions < INTERRUPTIONS_MIN) return [];
  const bounds = [
    { name: 'in the median', ms: median ?? 0, timeouts: TIMEOUTS_MEDIAN },
    { name: 'at most', ms: max ?? 0, timeouts: TIMEOUTS_MAX },
  ];
  return bounds
    .filter(({ ms, timeouts }) => ms > timeouts * ELECTION_TIMEOUT_MS)
    .map(
      ({ name, ms, timeouts }) =>
        `service came back ${Math.round(ms)} ms after the start-up ${name}, allowed are ` +
        `${timeouts} election timeouts of ${ELECTION_TIMEOUT_MS} ms`,
    );
}

/** A line for each kill. */
export function documentText({ rows, ...rest }: TortureDocument): string {
  const head = Object.entries(rest).map(([name, value]) => `  "${name}": ${JSON.stringify(value)}`);
  const parts = rows.map(({ kills, ...row }) => {
    const fields = Object.entries(row).map(
      ([name, value]) => `      "${name}": ${JSON.stringify(value)}`,
    );
    const lines = kills.map((kill) => `\n        ${JSON.stringify(kill)}`).join(',');
    return `    {\n${[...fields, `      "kills": [${lines}\n      ]`].join(',\n')}\n    }`;
  });
  return `{\n${[...head, `  "rows": [\n${parts.join(',\n')}\n  ]`].join(',\n')}\n}\n`;
}

function roundedKill(kill: Kill): Kill {
  const ms = (value: number | null): number | null => (value === null ? null : tenths(value));
  return {
    ...kill,
    atMs: tenths(kill.atMs),
    majorityAfterMs: ms(kill.majorityAfterMs),
    servedAfterMs: ms(kill.servedAfterMs),
  };
}

function rounded({ median, p90, max }: Spread): Spread {
  const ms = (value: number | null): number | null => (value === null ? null : tenths(value));
  return { median: ms(median), p90: ms(p90), max: ms(max) };
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
