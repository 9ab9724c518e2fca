/** What came out of a swarm, on one screen and as a document. */

import { oneLine } from '../../src/user-error.ts';
import { PLACE_NAMES, PLACES, type Place } from '../places.ts';
import { type Column, NOTHING, sharePercent, shortNumber, textTable } from '../report/table.ts';
import { clockText } from '../sweep/progress.ts';
import type { SwarmRequest } from './arguments.ts';
import { commandOf, reproduceLine } from './reproduce.ts';
import { leadersText, membersText, verdictText } from './run-text.ts';
import type { SeedSummary, SeedVerdict } from './seed-summary.ts';
import { rangesText } from './seeds.ts';
import type { Tally, Totals } from './tally.ts';
import { count, labelled, ms, several } from './text.ts';

export type SwarmOutcome = {
  readonly request: SwarmRequest;
  readonly tally: Tally;
  readonly threads: number;
  readonly wallMs: number;
  readonly interrupted: boolean;
  readonly commit: string | null;
};

const VACUOUS_LISTED = 20;
const HANGS_LISTED = 20;
const MS_PER_MINUTE = 60_000;

// ---- Text ---------------------------------------------------------------------------------------

export function summaryText(outcome: SwarmOutcome, columns: number): string[] {
  const { request, tally } = outcome;
  const options = tally.options;
  return [
    ...figures(outcome).flatMap(([label, text]) => labelled(label, text, columns)),
    ...(options.length === 0 ? [] : ['', ...textTable(optionColumns(options), columns)]),
    ...(request.reach ? ['', ...textTable(placeColumns(tally.all), columns)] : []),
    ...vacuousText(outcome, columns),
    ...failureText(outcome, columns),
  ];
}

function figures(outcome: SwarmOutcome): [label: string, text: string][] {
  const { request, tally, threads, wallMs, interrupted } = outcome;
  const { all, slowest } = tally;
  const { coverage } = all;
  const { perSecond, perThread, events } = speeds(outcome);
  const where = `${rangesText(request.ranges)} of profile ${request.profile}`;
  const { operationsOk, operationsFailed, operationsUnknown } = coverage;
  const low = all.faultsBit.quantile(0);
  return [
    [
      'seeds',
      `${where}: ${count(all.runs)} run in ${clockText(wallMs / 1000)} on ` +
        `${several(threads, 'thread')}${interrupted ? ', interrupted' : ''}`,
    ],
    ['verdicts', verdictsText(tally)],
    [
      'speed',
      `${shortNumber(events)} events/s, ${shortNumber(perSecond)} simulated seconds per second ` +
        `(${shortNumber(perThread)} per thread)`,
    ],
    [
      'faults',
      `${count(coverage.faultsBit)} of ${count(coverage.faultsScheduled)} bit; in a run at least ` +
        `${low ?? NOTHING}, median ${all.faultsBit.quantile(0.5) ?? NOTHING}`,
    ],
    [
      'operations',
      `${count(operationsOk)} ok, ${count(operationsFailed)} failed, ` +
        `${count(operationsUnknown)} unknown`,
    ],
    [
      'messages',
      `${count(coverage.messagesSent)} sent, ` +
        `${sharePercent(ratio(coverage.messagesDropped, coverage.messagesSent))} dropped`,
    ],
    ['leaders', leadersText(coverage)],
    ['members', membersText(coverage)],
    [
      'recovery',
      slowest === null
        ? NOTHING
        : `median ${ms(all.recoveryMs.quantile(0.5) ?? 0)}, at most ` +
          `${ms(slowest.recoveredAfterMs)} (seed ${slowest.seed})`,
    ],
  ];
}

function verdictsText({ passed, vacuous, failures }: Tally): string {
  const those = (kind: SeedVerdict['kind']): number =>
    failures.filter(({ verdict }) => verdict.kind === kind).length;
  const [errors, hangs] = [those('error'), those('hang')];
  const parts = [
    `${count(passed)} passed`,
    `${count(vacuous)} vacuous`,
    several(those('violation'), 'violation'),
  ];
  if (errors > 0) parts.push(several(errors, 'error'));
  if (hangs > 0) parts.push(several(hangs, 'hang'));
  return parts.join(', ');
}

function optionColumns(options: Tally['options']): Column[] {
  const column = (head: string, of: (totals: Totals) => string, drop?: number): Column => ({
    head,
    cells: options.map(({ totals }) => of(totals)),
    ...(drop === undefined ? {} : { drop }),
  });
  return [
    { head: 'option', cells: options.map(({ name, value }) => `${name} ${value}`), left: true },
    column('runs', ({ runs }) => count(runs)),
    // Simulated seconds in a second of one thread.
    column('sim s/s', ({ simulatedMs, wallMs }) => shortNumber(simulatedMs / wallMs)),
    column('changes/min', (totals) => shortNumber(changesPerMinute(totals))),
    column('unknown', (totals) => sharePercent(unknownShare(totals))),
    column('dropped', (totals) => sharePercent(droppedShare(totals)), 1),
    column('recovery', ({ recoveryMs }) => spanText(recoveryMs.quantile(0.5)), 2),
  ];
}

/** The places that runs came to, those that fewest reached first. */
function placeColumns({ reached, runs }: Totals): Column[] {
  const timesAt = (place: Place): number => reached.get(place) ?? 0;
  const places = PLACE_NAMES.toSorted((a, b) => timesAt(a) - timesAt(b));
  return [
    { head: 'place', cells: places, left: true },
    { head: 'runs', cells: places.map((place) => count(timesAt(place))) },
    { head: 'share', cells: places.map((place) => sharePercent(ratio(timesAt(place), runs))) },
    { head: 'what it is', cells: places.map((place) => PLACES[place]), left: true, drop: 1 },
  ];
}

function spanText(value: number | null): string {
  return value === null ? NOTHING : ms(value);
}

function vacuousText({ tally, request }: SwarmOutcome, columns: number): string[] {
  const { vacuous, vacuousSeeds } = tally;
  if (vacuous === 0) return [];
  const lines = vacuousSeeds
    .slice(0, VACUOUS_LISTED)
    .flatMap(({ seed, reason }) => labelled(`  ${seed}`, reason, columns));
  const more = vacuous > VACUOUS_LISTED ? [`  and ${count(vacuous - VACUOUS_LISTED)} more`] : [];
  const [first] = vacuousSeeds;
  const { profile } = request;
  const command = first === undefined ? '' : commandOf({ kind: 'seed', seed: first.seed, profile });
  return ['', 'VACUOUS: nothing was put to the test', ...lines, ...more, `again: ${command}`];
}

/** The first run that broke something, and those that hung, which end no swarm. */
function failureText(outcome: SwarmOutcome, columns: number): string[] {
  const { firstFailure, failures } = outcome.tally;
  const hangs = failures
    .filter((each) => each.verdict.kind === 'hang' && each !== firstFailure)
    .toSorted((a, b) => a.seed - b.seed);
  const told = firstFailure === undefined ? [] : [firstFailure, ...hangs.slice(0, HANGS_LISTED)];
  return told.flatMap((failure) => oneFailureText(failure, outcome, columns));
}

function oneFailureText(
  { seed, verdict }: SeedSummary,
  { request, commit }: SwarmOutcome,
  columns: number,
): string[] {
  const source = { kind: 'seed', seed, profile: request.profile } as const;
  const hint = `to make it small: ${commandOf(source, '--shrink')}`;
  return [
    '',
    ...labelled(`seed ${seed} `, failureSentence(verdict), columns),
    reproduceLine(source, commit),
    ...(verdict.kind === 'violation' ? [hint] : []),
  ];
}

function failureSentence(verdict: SeedVerdict): string {
  if (verdict.kind === 'hang') return `HANG: ${verdict.message}`;
  if (verdict.kind === 'error') return `ERROR in the lab: ${oneLine(verdict.message)}`;
  return verdictText(verdict);
}

// ---- Document -----------------------------------------------------------------------------------

/** The summary as plain data. */
export function jsonOf(outcome: SwarmOutcome): object {
  const { request, tally, threads, wallMs, interrupted, commit } = outcome;
  const { all, passed, vacuous, vacuousSeeds, failures, slowest } = tally;
  return {
    schemaVersion: 1,
    profile: request.profile,
    seeds: rangesText(request.ranges),
    commit,
    interrupted,
    threads,
    wallMs: Math.round(wallMs),
    verdicts: { passed, vacuous, failed: failures.length },
    ...totalsOf(all),
    eventsPerSecond: Math.round(speeds(outcome).events),
    simulatedSecondsPerSecond: Math.round(speeds(outcome).perSecond),
    slowestRecovery: slowest,
    options: tally.options.map(({ name, value, totals }) => ({ name, value, ...totalsOf(totals) })),
    vacuous: vacuousSeeds,
    failures: failures
      .toSorted((a, b) => a.seed - b.seed)
      .map((failure) => ({ ...failureOf(failure), reproduce: again(failure, request) })),
  };
}

function totalsOf(totals: Totals): object {
  const { runs, events, simulatedMs, coverage, reached, faultsBit, recoveryMs } = totals;
  return {
    runs,
    events,
    simulatedMs: Math.round(simulatedMs),
    coverage,
    reached: Object.fromEntries(PLACE_NAMES.map((place) => [place, reached.get(place) ?? 0])),
    faultsBitMin: faultsBit.quantile(0),
    faultsBitMedian: faultsBit.quantile(0.5),
    leaderChangesPerMinute: changesPerMinute(totals),
    unknownShare: unknownShare(totals),
    droppedShare: droppedShare(totals),
    recoveryMsMedian: recoveryMs.quantile(0.5),
    recoveryMsMax: recoveryMs.quantile(1),
  };
}

function failureOf({ seed, verdict }: SeedSummary): object {
  return { seed, verdict };
}

function again({ seed }: SeedSummary, { profile }: SwarmRequest): string {
  return commandOf({ kind: 'seed', seed, profile });
}

// ---- Figures ------------------------------------------------------------------------------------

/** Of all threads together and of one. */
function speeds({ tally, wallMs, threads }: SwarmOutcome) {
  const { events, simulatedMs } = tally.all;
  const perSecond = ratio(simulatedMs, wallMs) ?? 0;
  return {
    events: (ratio(events, wallMs) ?? 0) * 1000,
    perSecond,
    perThread: perSecond / threads,
  };
}

/** Of simulated minutes. */
function changesPerMinute({ coverage, simulatedMs }: Totals): number | null {
  return ratio(coverage.leaderChanges * MS_PER_MINUTE, simulatedMs);
}

function unknownShare(totals: Totals): number | null {
  return ratio(totals.coverage.operationsUnknown, totals.operations);
}

function droppedShare({ coverage }: Totals): number | null {
  return ratio(coverage.messagesDropped, coverage.messagesSent);
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
