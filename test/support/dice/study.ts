/** A study of dice, for the tests of the command that runs studies. */
import { numberFactor, wordFactor } from '../../../lab/study/factors.ts';
import { study } from '../../../lab/study/study.ts';
import type { Cell } from './trial.ts';

export default study<Cell, number>({
  question: 'What do dice show?',
  host: 'sim',
  factors: {
    sides: numberFactor(
      'sides of a die',
      { low: 1, high: 20, whole: true },
      { values: [6, 20], quick: [6] },
    ),
    colour: wordFactor('what it looks like', ['red', 'blue']),
  },
  trials: 50,
  quickTrials: 5,
  paired: ['colour'],
  isCell: ({ colour, sides }) => colour === 'red' || sides !== 1,
  trialsOf: ({ sides }, trials) => (sides === 1 ? 1 : trials),
  metrics: (samples) => ({
    pipsMean: samples.length === 0 ? null : samples.reduce((a, b) => a + b, 0) / samples.length,
  }),
  terminal: [['pipsMean', 'mean']],
  findings: (results, { seed }) => ({
    verdict: `Dice of ${results.length} kinds were thrown.`,
    headline: [],
    setup: [['seed', String(seed)]],
    figures: [],
    tables: [
      {
        title: 'Throws',
        heads: ['sides', 'throws'],
        words: 1,
        rows: results.map(({ cell, samples }) => [
          { text: String(cell.sides), tone: 'good', href: 'faces/die.txt' },
          String(samples.length),
        ]),
        note: 'One at a time.',
      },
    ],
    shows: ['Chance.'],
    showsNot: ['Luck.'],
    files: [{ file: 'faces/die.txt', text: '6\n' }],
  }),
});
