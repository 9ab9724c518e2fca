/** What the study says that its data show: of each sentence, only if they do. */
import { mean } from '../../lab/report/stats.ts';
import { sharePercent, shortNumber } from '../../lab/report/table.ts';
import type { Result } from './measures.ts';
import { AFTER_S, type Pressure, type Sample } from './trial.ts';

/** Of the entries: below, most are of no use; from the other on, hardly any is of none. */
const MOSTLY_USELESS = 0.5;
const MOSTLY_USEFUL = 0.9;

export function showsOf(results: readonly Result[]): string[] {
  return [
    ...queueText(results),
    ...metastableText(results),
    ...leadersText(results),
    ...windowText(results),
    ...refusalText(results),
  ];
}

/** Of clients that ask once, so that nothing but lateness makes entries useless. */
function queueText(results: readonly Result[]): string[] {
  const useful = usefulShare(
    results.filter(({ cell }) => cell.backPressure !== 'refusal' && cell.retries === 'patient'),
  );
  if (useful === null || useful >= MOSTLY_USELESS) return [];
  return [
    'A queue that refuses nothing serves the oldest first, and these are the calls that nobody ' +
      'waits for any more: once the wait exceeds the clients’ patience the links stay busy with ' +
      `entries of no use to anybody. Of patient clients, ${sharePercent(1 - useful)} of the ` +
      'entries committed from the overload on answered no call.',
  ];
}

function metastableText(results: readonly Result[]): string[] {
  const samples = samplesOf(
    results.filter(({ cell }) => cell.backPressure !== 'refusal' && cell.retries === 'eager'),
  );
  const stuck = samples.filter(({ recoveryMs }) => recoveryMs === null).length;
  if (stuck === 0) return [];
  return [
    'Whoever asks again puts more into the queue. If what is repeated alone exceeds what the ' +
      'links carry, the overload goes on by itself after its cause has gone, a metastable ' +
      `failure: ${stuck} of ${samples.length} trials with eager clients and no refusals had not ` +
      `recovered ${AFTER_S} s later.`,
  ];
}

function leadersText(results: readonly Result[]): string[] {
  const changes = leaderChanges(results, 'none');
  if (changes === null || changes === 0) return [];
  return [
    'Without a bound the queue stands on the link, and heartbeats and votes stand behind ' +
      'entries. Every entry counts as a heartbeat, but where the link drops what it has no room ' +
      'for, or a new leader begins with all that is waiting, a message of 64 KiB takes a second, ' +
      'which is longer than an election timeout: leaders changed ' +
      `${shortNumber(changes)} times in the mean of the trials.`,
  ];
}

function windowText(results: readonly Result[]): string[] {
  const [changes, without] = [leaderChanges(results, 'window'), leaderChanges(results, 'none')];
  if (changes === null || without === null || changes >= without) return [];
  const useful = usefulShare(results.filter(({ cell }) => cell.backPressure === 'window'));
  const but =
    useful === null || useful >= MOSTLY_USELESS
      ? ''
      : ' It does not shorten the queue: ' +
        `${sharePercent(1 - useful)} of the entries answered no call.`;
  return [
    'A window of few bytes keeps the queue in the log, where heartbeats need not pass it: ' +
      `leaders changed ${shortNumber(changes)} times in the mean instead of ` +
      `${shortNumber(without)}.${but}`,
  ];
}

function refusalText(results: readonly Result[]): string[] {
  const useful = usefulShare(results.filter(({ cell }) => cell.backPressure === 'refusal'));
  if (useful === null || useful < MOSTLY_USEFUL) return [];
  return [
    'A refusal tells clients at once that nothing was done, and what is accepted does not wait ' +
      'long: through the overload and after it the links carry what somebody waits for, ' +
      `${sharePercent(useful)} of the entries.`,
  ];
}

function usefulShare(results: readonly Result[]): number | null {
  return mean(samplesOf(results).map((sample) => sample.usefulShare));
}

function leaderChanges(results: readonly Result[], pressure: Pressure): number | null {
  const own = samplesOf(results.filter(({ cell }) => cell.backPressure === pressure));
  return mean(own.map((sample) => sample.leaderChanges));
}

function samplesOf(results: readonly Result[]): Sample[] {
  return results.flatMap(({ samples }) => samples);
}
