/** What a schedule has come to on threads: in words for a terminal, and as data for `--json`. */

import { type LinkSettings, PERFECT } from '../../src/transport/link.ts';
import type { AuditedBy, Verdict } from '../audit.ts';
import type { Fault } from '../faults.ts';
import type { Linearizability } from '../linearizability.ts';
import { explain } from '../report/history-words.ts';
import type { Schedule } from '../schedule.ts';
import { count, labelled, seconds, several } from '../swarm/text.ts';
import type { Fate } from './nemesis.ts';
import type { ScheduleRun } from './schedule-run.ts';

export type Outcome = {
  readonly schedule: Schedule;
  readonly run: ScheduleRun;
  readonly linearizability: Linearizability;
  /** Of the whole run, from the first thread to the last. */
  readonly wallMs: number;
};

export type ScheduleDocument = {
  readonly schemaVersion: 1;
  readonly schedule: string;
  readonly host: 'threads';
  /** Fields of the schedule that are of the simulator alone. */
  readonly withoutEffect: readonly (keyof Schedule)[];
  readonly faults: {
    readonly scheduled: number;
    readonly done: number;
    /** Their time or their condition did not come. */
    readonly notDue: number;
    readonly foundNothing: number;
    /** Operations that the cluster was asked for and has not carried out. */
    readonly refused: number;
    /** By kind, what this host cannot do. */
    readonly impossible: Readonly<Partial<Record<Fault['kind'], number>>>;
  };
  readonly operations: {
    readonly ok: number;
    readonly fail: number;
    readonly unknown: number;
    readonly notCalled: number;
    /** Answered, and no part of the history. */
    readonly staleReads: number;
  };
  readonly leaderChanges: number;
  /** `ok` or what does not hold. */
  readonly audit: string;
  readonly auditedBy: AuditedBy;
  readonly linearizability: Linearizability['verdict'];
  readonly wallMs: number;
};

export function documentOf({ schedule, run, linearizability, wallMs }: Outcome): ScheduleDocument {
  const { history, injections, leaderChanges, staleReads, verdict } = run;
  const judged = schedule.operations.filter(({ read }) => read !== 'stale').length;
  const having = (fate: Fate): number => injections.filter((each) => each.fate === fate).length;
  const ended = (outcome: string): number =>
    history.filter((each) => each.outcome === outcome).length;
  return {
    schemaVersion: 1,
    schedule: schedule.name,
    host: 'threads',
    withoutEffect: withoutEffect(schedule),
    faults: {
      scheduled: injections.length,
      done: having('done'),
      notDue: having('waiting'),
      foundNothing: having('nothing'),
      refused: having('refused'),
      impossible: impossibleKinds(run),
    },
    operations: {
      ok: ended('ok'),
      fail: ended('fail'),
      unknown: ended('unknown'),
      notCalled: judged - history.length,
      staleReads,
    },
    leaderChanges,
    audit: verdict.audit,
    auditedBy: verdict.auditedBy,
    linearizability: linearizability.verdict,
    wallMs: Math.round(wallMs),
  };
}

/** Clients' links are perfect, disks are memory, the clock is one, in the end all are healed. */
function withoutEffect({ clientLink, disk, clocks, recovery }: Schedule): (keyof Schedule)[] {
  const linkFields = Object.keys(PERFECT) as (keyof LinkSettings)[];
  const fields: readonly (readonly [keyof Schedule, boolean])[] = [
    ['clientLink', linkFields.some((field) => clientLink[field] !== PERFECT[field])],
    ['disk', disk.latencyMs[1] > 0 || disk.torn > 0 || disk.late > 0],
    ['clocks', clocks.some(({ offsetMs, driftPpm }) => offsetMs !== 0 || driftPpm !== 0)],
    ['recovery', recovery.others === 'cutOff'],
  ];
  return fields.filter(([, has]) => has).map(([field]) => field);
}

function impossibleKinds({ injections }: ScheduleRun): Partial<Record<Fault['kind'], number>> {
  const counts: Partial<Record<Fault['kind'], number>> = {};
  for (const { action, fate } of injections) {
    const { kind } = action.fault;
    if (fate === 'impossible') counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

export function outcomeText(outcome: Outcome, columns: number): string[] {
  const { schedule, run, linearizability } = outcome;
  const { operations, leaderChanges, wallMs, ...document } = documentOf(outcome);
  const { name, nodes, durationMs } = schedule;
  const labels: readonly (readonly [string, string])[] = [
    ['schedule', `${name}: ${several(nodes, 'node')} for ${seconds(durationMs)}, on threads`],
    ...(document.withoutEffect.length === 0
      ? []
      : [['no effect', `on this host: ${document.withoutEffect.join(', ')}`] as const]),
    ['faults', faultsText(document.faults)],
    [
      'operations',
      `${count(operations.ok)} ok, ${count(operations.fail)} failed, ` +
        `${count(operations.unknown)} unknown, ${count(operations.notCalled)} not called` +
        (operations.staleReads > 0 ? `, ${several(operations.staleReads, 'stale read')}` : ''),
    ],
    ['leader', several(leaderChanges, 'change')],
    ['audit', auditText(run.verdict)],
    ['history', linearizabilityText(linearizability)],
    ['wall time', seconds(wallMs)],
  ];
  return labels.flatMap(([label, text]) => labelled(label, text, columns));
}

function faultsText({ scheduled, done, ...others }: ScheduleDocument['faults']): string {
  const kinds = Object.entries(others.impossible);
  const impossible = kinds.reduce((sum, [, each]) => sum + each, 0);
  const named = kinds.map(([kind, each]) => `${kind} ${count(each)}`).join(', ');
  const parts = [
    `${count(done)} of ${count(scheduled)} done`,
    ...(impossible > 0 ? [`${count(impossible)} not possible on this host (${named})`] : []),
    ...(others.refused > 0 ? [`${count(others.refused)} refused by the cluster`] : []),
    ...(others.foundNothing > 0 ? [`${count(others.foundNothing)} found nothing to strike`] : []),
    ...(others.notDue > 0 ? [`${count(others.notDue)} never came due`] : []),
  ];
  return parts.join('; ');
}

function auditText({ audit, auditedBy }: Verdict): string {
  return auditedBy === 'log' ? audit : `${audit} (logs were compacted: by counts)`;
}

function linearizabilityText(result: Linearizability): string {
  if (result.verdict !== 'ok') return explain(result).headline;
  const { operations, keys } = result;
  return `linearizable: ${several(operations, 'operation')} on ${several(keys, 'key')}`;
}

/** What did not hold, a sentence each. */
export function complaintsOf({ run, linearizability }: Outcome): string[] {
  const { audit } = run.verdict;
  return [
    ...(audit === 'ok' ? [] : [`the audit did not hold: ${audit}`]),
    ...(linearizability.verdict === 'ok' ? [] : [explain(linearizability).headline]),
  ];
}
