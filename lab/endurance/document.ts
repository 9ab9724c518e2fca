/** What the run has come to, held against its bounds: data, and the lines of a table. */
import { milliseconds, shortNumber } from '../report/table.ts';
import { SCHEMA_VERSION } from '../results.ts';
import type { Plan } from './arguments.ts';
import type { Measured } from './run.ts';

export const EXPERIMENT = 'endurance';

/** After all of the time, over that after a third of it. */
const GROWTH_MAX = 1.3;
/** A snapshot is due after so much, and while it is taken as much again may come. */
const LOG_SLACK = 2;
const SLOWDOWN_MAX = 5;
const JOIN_MAX_MS = 30_000;
const MIB = 2 ** 20;

export type Line = {
  readonly what: string;
  readonly measured: string;
  readonly bound: string;
  /** What it was made of, if it was. */
  readonly detail: string;
  readonly holds: boolean;
};

export type EnduranceDocument = {
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly experiment: typeof EXPERIMENT;
  readonly plan: Plan;
  readonly measured: Omit<Measured, 'verdict' | 'settings'>;
  readonly audit: string;
  readonly auditedBy: string;
  readonly lines: readonly Line[];
};

export function documentOf(plan: Plan, all: Measured): EnduranceDocument {
  const { verdict, settings, ...measured } = all;
  return {
    schemaVersion: SCHEMA_VERSION,
    experiment: EXPERIMENT,
    plan,
    measured,
    audit: verdict.audit,
    auditedBy: verdict.auditedBy,
    lines: linesOf({ verdict, settings, ...measured }),
  };
}

export function linesOf(measured: Measured): Line[] {
  return [
    ...growthLines(measured),
    ...logLines(measured),
    latencyLine(measured),
    joinLine(measured),
    {
      what: 'audit at the end',
      measured: measured.verdict.audit,
      bound: 'ok',
      detail: `by ${measured.verdict.auditedBy}`,
      holds: measured.verdict.audit === 'ok',
    },
  ];
}

/** What does not hold, a sentence each. */
export function complaintsOf({ lines }: EnduranceDocument): string[] {
  return lines
    .filter(({ holds }) => !holds)
    .map(({ what, measured, bound, detail }) => {
      const made = detail === '' ? '' : ` (${detail})`;
      return `${what}: ${measured}${made}; the bound is ${bound}`;
    });
}

function growthLines({ atThird, atEnd }: Measured): Line[] {
  return atThird.map(({ node, bytes }) => {
    const later = atEnd.find((each) => each.node === node)?.bytes ?? Number.POSITIVE_INFINITY;
    const growth = later / bytes;
    return {
      what: `memory of ${node}, at the end over after a third`,
      measured: growth.toFixed(2),
      bound: `at most ${GROWTH_MAX}`,
      detail: `${mib(later)} over ${mib(bytes)}`,
      holds: growth <= GROWTH_MAX,
    };
  });
}

function logLines({ logBytesMax, logEntriesMax, settings }: Measured): Line[] {
  const entriesMax = LOG_SLACK * settings.snapshotEntries + settings.keptEntries;
  const bytesMax = LOG_SLACK * settings.snapshotBytes + settings.keptBytes;
  return [
    {
      what: 'longest log, in entries',
      measured: shortNumber(logEntriesMax),
      bound: `at most ${shortNumber(entriesMax)}`,
      detail: '',
      holds: logEntriesMax <= entriesMax,
    },
    {
      what: 'longest log, in bytes',
      measured: mib(logBytesMax),
      bound: `at most ${mib(bytesMax)}`,
      detail: '',
      holds: logBytesMax <= bytesMax,
    },
  ];
}

function latencyLine({ latencies, snapshots }: Measured): Line {
  const { during, without } = latencies;
  const slowdown = during === null || without === null ? null : during.p999Ms / without.p999Ms;
  const [slow, quiet] = [during, without].map((each) => milliseconds(each?.p999Ms ?? null));
  return {
    what: 'p99.9 while a snapshot is taken, over without',
    measured: shortNumber(slowdown),
    bound: `at most ${SLOWDOWN_MAX}`,
    detail: `${slow} over ${quiet}, ${snapshots} snapshots`,
    // Without both there is nothing to compare, and nothing was shown.
    holds: slowdown !== null && slowdown <= SLOWDOWN_MAX,
  };
}

function joinLine({ joinedAfterMs }: Measured): Line {
  return {
    what: 'a fresh node joins and serves, after',
    measured: joinedAfterMs === null ? 'never' : seconds(joinedAfterMs),
    bound: `at most ${seconds(JOIN_MAX_MS)}`,
    detail: '',
    holds: joinedAfterMs !== null && joinedAfterMs <= JOIN_MAX_MS,
  };
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
