/**
 * What lost messages cost (§9.7 asks how well elections work on networks with severe packet loss):
 * acknowledged writes, changes of leader, and the time to elect another.
 */

import { quantile } from '../../lab/report/stats.ts';
import { numberFactor, wordFactor } from '../../lab/study/factors.ts';
import { study } from '../../lab/study/study.ts';
import { findings } from './findings.ts';
import { changesPerMinute, perSecond } from './measures.ts';
import { type Cell, NETEM_LOSS, PATTERNS, type Sample } from './trial.ts';

export default study<Cell, Sample>({
  question: 'What do lost messages cost: writes, leaders, and the time to elect another?',
  host: 'sim',
  factors: {
    pattern: wordFactor('how losses come', PATTERNS),
    loss: numberFactor(
      `share of the messages between servers that are lost; netem has ${NETEM_LOSS} alone`,
      { low: 0, high: 0.5 },
      { values: [0, 0.01, 0.02, 0.05, 0.1, 0.2, NETEM_LOSS, 0.4], quick: [0, 0.05, NETEM_LOSS] },
    ),
    nodes: numberFactor(
      'servers',
      { low: 3, high: 9, whole: true },
      { values: [3, 5], quick: [3] },
    ),
    outstanding: numberFactor(
      'writes that are outstanding at a time',
      { low: 1, high: 1024, whole: true },
      { values: [1, 64] },
    ),
  },
  trials: 6,
  quickTrials: 3,
  isCell: ({ loss, pattern }) => {
    if (pattern === 'netem') return loss === NETEM_LOSS;
    // Without a loss there is but one way to lose nothing.
    return loss > 0 || pattern === 'independent';
  },
  metrics(samples) {
    const elections = samples.flatMap(({ electionsMs }) => electionsMs).sort((a, b) => a - b);
    return {
      writesPerSecond: perSecond(samples),
      unanswered: samples.reduce((sum, { unanswered }) => sum + unanswered, 0),
      leaderChangesPerMinuteIdle: changesPerMinute(samples, 'idle'),
      leaderChangesPerMinuteLoaded: changesPerMinute(samples, 'loaded'),
      electionMsP50: quantile(elections, 0.5),
      electionMsP90: quantile(elections, 0.9),
    };
  },
  terminal: [
    ['writesPerSecond', 'writes/s'],
    ['electionMsP50', 'elect p50 ms'],
    ['electionMsP90', 'p90'],
    ['leaderChangesPerMinuteIdle', 'changes/min'],
    ['unanswered', 'unanswered'],
  ],
  findings,
});
