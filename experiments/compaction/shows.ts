/** What the study says that its data show: of each sentence, only if they do. */
import { mean } from '../../lab/report/stats.ts';
import { milliseconds, sharePercent } from '../../lab/report/table.ts';
import { howOftenText, mostOf, type Result, rangeOf, stateText } from './numbers.ts';
import { NEVER } from './setup.ts';
import type { Sample } from './trial.ts';

/** Of the time, from which on snapshots leave no pause worth the name. */
const WITHOUT_PAUSE = 0.9;

export function showsOf(results: readonly Result[]): string[] {
  const compacted = results.filter(
    ({ cell, samples }) => cell.snapshotEntries !== NEVER && samples.length > 0,
  );
  return [...besideText(compacted), ...growthText(compacted), ...pauseText(compacted)];
}

/** Where no write took as long as a snapshot does. */
function besideText(compacted: readonly Result[]): string[] {
  const keys = Math.max(...compacted.map(({ cell }) => cell.keys));
  const samples = samplesOf(compacted.filter(({ cell }) => cell.keys === keys));
  const snapshot = medianMs(samples);
  const longest = rangeOf(samples, ({ latencyMsMax }) => latencyMsMax).greatest;
  if (snapshot === null || longest === null || longest >= snapshot) return [];
  return [
    'A snapshot is written beside all else, in slices: a write waits for a slice and for its ' +
      `turn on the disk, never for the whole. With a state of ${stateText({ keys })} a snapshot ` +
      `takes ${milliseconds(snapshot)} in the median, and the longest of all writes took ` +
      `${milliseconds(longest)}.`,
  ];
}

/** Where the snapshots of the largest state take longer than those of the smallest. */
function growthText(compacted: readonly Result[]): string[] {
  const keys = compacted.map(({ cell }) => cell.keys);
  const [small, large] = [Math.min(...keys), Math.max(...keys)];
  const [fast, slow] = [small, large].map((size) =>
    medianMs(samplesOf(compacted.filter(({ cell }) => cell.keys === size))),
  );
  if (typeof fast !== 'number' || typeof slow !== 'number' || fast >= slow) return [];
  return [
    'Each snapshot writes the whole state, so that what it takes grows with the state: ' +
      `${milliseconds(fast)} with ${stateText({ keys: small })}, ${milliseconds(slow)} with ` +
      `${stateText({ keys: large })}, both in the median.`,
  ];
}

/** Of the cell whose leader takes snapshots for most of the time, if that is nearly all of it. */
function pauseText(compacted: readonly Result[]): string[] {
  const shares = compacted.map(({ cell, samples }) => {
    return { cell, share: mean(samples.map(({ takingShare }) => takingShare)) ?? 0 };
  });
  const most = shares.reduce<(typeof shares)[number] | null>(
    (found, each) => (found === null || each.share > found.share ? each : found),
    null,
  );
  if (most === null || most.share < WITHOUT_PAUSE) return [];
  return [
    'Snapshots of a large state that come too often follow each other without a pause; the log ' +
      `then waits for the next one to end, and grows meanwhile: with ${stateText(most.cell)} ` +
      `compacted ${howOftenText(most.cell)}, the leader takes one for ` +
      `${sharePercent(most.share)} of the time.`,
  ];
}

function samplesOf(results: readonly Result[]): Sample[] {
  return results.flatMap(({ samples }) => samples);
}

function medianMs(samples: readonly Sample[]): number | null {
  return mostOf(samples, ({ snapshotMs }) => snapshotMs).median;
}
