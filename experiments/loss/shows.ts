/** What the study says that its data show: of each sentence, only if they do. */
import { milliseconds, percent, shortNumber } from '../../lab/report/table.ts';
import { election, goodput, idleChanges, type Result, valuesOf } from './measures.ts';
import { HEARTBEAT_MS, NETEM_LOSS, PATTERNS, type Pattern } from './trial.ts';

export function showsOf(results: readonly Result[], seed: number): string[] {
  const measured = results.filter(({ samples }) => samples.length > 0);
  return [
    ...repeatText(measured, seed),
    ...electionText(measured),
    ...burstText(measured, seed),
    ...recipeText(measured, seed),
  ];
}

/** One write at a time, at the most independent loss that was run beside none. */
function repeatText(results: readonly Result[], seed: number): string[] {
  const plain = results.filter(
    ({ cell }) => cell.pattern === 'independent' && cell.outstanding === 1,
  );
  const loss = valuesOf(plain, 'loss').at(-1) ?? 0;
  const [none, most] = [0, loss].map((at) => writeMs(atLoss(plain, at), seed));
  if (typeof none !== 'number' || typeof most !== 'number' || none >= most) return [];
  return [
    'Servers repeat nothing by themselves: what a lost message carried comes again with a later ' +
      'message, and with one write at a time that is the next heartbeat, up to ' +
      `${HEARTBEAT_MS} ms later. A write takes ${milliseconds(most)} in the mean where ` +
      `${percent(loss)} are lost, and ${milliseconds(none)} where none is.`,
  ];
}

/** Of one write at a time: the time over the writes. */
function writeMs(results: readonly Result[], seed: number): number | null {
  const rate = rateOf(results, seed);
  return rate === null || rate === 0 ? null : 1000 / rate;
}

function electionText(results: readonly Result[]): string[] {
  const plain = results.filter(({ cell }) => cell.pattern === 'independent');
  const loss = valuesOf(plain, 'loss').at(-1) ?? 0;
  const [calm, three, five] = [
    medianMs(plain, 0, 3),
    medianMs(plain, loss, 3),
    medianMs(plain, loss, 5),
  ];
  if (calm === null || three === null || loss === 0 || three <= calm) return [];
  const needs =
    'An election needs answers twice, for the pre-vote and for the vote. After a crash 3 servers ' +
    'need both that are left';
  const more =
    five === null || five >= three
      ? ''
      : ', while 5 need three of four, and can do without one that is not heard: the median is ' +
        `${milliseconds(three)} of 3 and ${milliseconds(five)} of 5 where ${percent(loss)} are ` +
        'lost';
  return [`${needs}${more}.`];
}

function medianMs(results: readonly Result[], loss: number, nodes: number): number | null {
  const own = atLoss(results, loss).filter(({ cell }) => cell.nodes === nodes);
  return election(own, 0.5)?.value ?? null;
}

/** At the most loss at which there are both bursts and losses one by one. */
function burstText(results: readonly Result[], seed: number): string[] {
  const plain = ofPattern(results, 'independent');
  const bursts = PATTERNS.filter((pattern) => pattern.startsWith('burst')).map((pattern) =>
    ofPattern(results, pattern),
  );
  const losses = valuesOf(plain, 'loss').filter((loss) =>
    bursts.some((own) => atLoss(own, loss).length > 0),
  );
  const loss = losses.at(-1);
  if (loss === undefined) return [];
  const single = idleChanges(atLoss(plain, loss), seed)?.value ?? 0;
  const inBursts = bursts.flatMap((own) => idleChanges(atLoss(own, loss), seed)?.value ?? []);
  const least = Math.min(...inBursts);
  if (least <= single) return [];
  return [
    'Losses in bursts silence a link for as long as the burst lasts in messages: the fewer ' +
      'messages, the longer. An idle leader that is not heard for some heartbeats is replaced: ' +
      `${inBursts.map((rate) => shortNumber(rate)).join(' and ')} times a minute where ` +
      `${percent(loss)} are lost in bursts, ${shortNumber(single)} where they are lost one by one.`,
  ];
}

/** Beside the same loss without delay and duplicates, where that was run as well. */
function recipeText(results: readonly Result[], seed: number): string[] {
  const recipe = ofPattern(results, 'netem');
  const plain = atLoss(ofPattern(results, 'independent'), NETEM_LOSS);
  const [changes, without] = [idleChanges(recipe, seed), idleChanges(plain, seed)];
  if (changes === null || without === null) return [];
  const forLeaders =
    changes.value >= without.value
      ? []
      : [
          'For leaders the recipe is milder than its loss: half of its messages go twice, and ' +
            'then both copies must be lost.',
        ];
  return [...forLeaders, ...recipeWritesText(recipe, plain, seed)];
}

function recipeWritesText(
  recipe: readonly Result[],
  plain: readonly Result[],
  seed: number,
): string[] {
  const outstanding = valuesOf(recipe, 'outstanding')[0];
  const [rate, merely] = [recipe, plain].map((own) =>
    rateOf(
      own.filter(({ cell }) => cell.outstanding === outstanding),
      seed,
    ),
  );
  if (typeof rate !== 'number' || typeof merely !== 'number' || rate >= merely) return [];
  return [
    'Writes notice the delay of the recipe more than they gain by its duplicates: with ' +
      `${outstanding} outstanding there are ${shortNumber(rate)} a second, and ` +
      `${shortNumber(merely)} where the same share is merely lost.`,
  ];
}

function ofPattern(results: readonly Result[], pattern: Pattern): Result[] {
  return results.filter(({ cell }) => cell.pattern === pattern);
}

function atLoss(results: readonly Result[], loss: number): Result[] {
  return results.filter(({ cell }) => cell.loss === loss);
}

function rateOf(results: readonly Result[], seed: number): number | null {
  const samples = results.flatMap((result) => result.samples);
  return goodput(samples, seed)?.value ?? null;
}
