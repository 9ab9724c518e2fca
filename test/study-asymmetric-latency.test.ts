/**
 * Shows that the study of uneven links draws its networks as it says, ranks servers by them, and
 * says what its data say.
 *
 *     npx ava test/study-asymmetric-latency.test.ts
 */
import test from 'ava';
import { repeated } from '../experiments/asymmetric-latency/numbers.ts';
import study from '../experiments/asymmetric-latency/study.ts';
import {
  meanLatencyMs,
  SERVERS,
  SHAPES,
  TOPOLOGIES,
  type Topology,
} from '../experiments/asymmetric-latency/topology.ts';
import {
  type Cell,
  RANKS_BY,
  type Sample,
  timingOf,
  trial,
} from '../experiments/asymmetric-latency/trial.ts';
import { fork } from '../src/raft/random.ts';
import { NOT_A_NUMBER, reportOf } from './support/study-report.ts';

const ALL = Array.from({ length: SERVERS }, (_, i) => i);

function samplesOf(cell: Cell, count: number): Sample[] {
  return Array.from({ length: count }, (_, seed) => trial(cell, seed));
}

function resultOf(links: Topology, samples: readonly Sample[]) {
  return { cell: { links, timeoutRatio: 10 }, samples };
}

test('a seed has one outcome, another seed another', (t) => {
  const cell: Cell = { links: 'directions-0.9', timeoutRatio: 10 };
  t.deepEqual(trial(cell, 7), trial(cell, 7));
  t.notDeepEqual(trial(cell, 7), trial(cell, 8));
});

test('links have the mean and the symmetry that they are told to have', (t) => {
  for (const links of TOPOLOGIES) {
    const { draw, isDrawn, meanMs } = SHAPES[links];
    const networks = Array.from({ length: 200 }, (_, seed) => draw(fork(seed, 'test')));
    const means = networks.flatMap((one) => ALL.map((i) => meanLatencyMs(one, i, ALL, 'both')));
    const mean = means.reduce((sum, each) => sum + each, 0) / means.length;
    t.true(Math.abs(mean / meanMs - 1) < (isDrawn ? 0.03 : 1e-9), `${links}: ${mean} ms`);
    const [first = []] = networks;
    const isAlike = ALL.every((i) => ALL.every((j) => first[i]?.[j] === first[j]?.[i]));
    t.is(isAlike, !links.startsWith('directions') && links !== 'there-and-back', links);
  }
});

test('regions are near within and far between', (t) => {
  const [a1 = [], , b1 = [], , c = []] = SHAPES.regions.draw(fork(1, 'test'));
  t.deepEqual([a1[1], a1[2], a1[4], b1[3], b1[4], c[0]], [1, 40, 80, 1, 120, 80]);
});

test('nobody leads before the shortest timeout less a heartbeat interval has passed', (t) => {
  for (const links of ['even', 'pairs-0.9', 'regions'] as const) {
    const cell = { links, timeoutRatio: 10 };
    const { electionTimeoutMs, heartbeatMs } = timingOf(cell);
    samplesOf(cell, 40).forEach(({ leaderlessMs }, seed) => {
      const what = `${links}, seed ${seed}: ${leaderlessMs} ms`;
      t.true(leaderlessMs > electionTimeoutMs[0] - heartbeatMs, what);
    });
  }
});

test('the server that wins is one of the four that are left, and has a rank among them', (t) => {
  samplesOf({ links: 'directions-0.9', timeoutRatio: 5 }, 60).forEach((sample, seed) => {
    t.not(sample.winner, sample.victim, `seed ${seed}`);
    for (const by of RANKS_BY) t.true([1, 2, 3, 4].includes(sample.ranks[by]), `seed ${seed}`);
  });
});

test('uneven links split more votes than even ones', (t) => {
  const of = (links: Topology): number =>
    repeated(resultOf(links, samplesOf({ links, timeoutRatio: 10 }, 400)));
  const [even, uneven] = [of('even'), of('directions-0.9')];
  t.true(uneven > 1.5 * even, `${uneven} of seeds 0 to 399 for ${even}`);
});

test('the verdict says whether votes are split more often, and whether good links help', (t) => {
  const one = trial({ links: 'even', timeoutRatio: 10 }, 1);
  const doctored = (split: number, best: number): Sample[] =>
    Array.from({ length: 100 }, (_, i) => {
      const rank = i < best ? 1 : 2;
      return { ...one, terms: i < split ? 2 : 1, ranks: { ...one.ranks, both: rank } };
    });
  const verdict = (split: number, best: number): string => {
    const results = [
      resultOf('even', doctored(5, 25)),
      resultOf('pairs-0.9', doctored(split, best)),
    ];
    return study.findings(results, { seed: 1, command: '' }).verdict;
  };
  t.regex(verdict(20, 60), /votes are split more often \(20.0 % for 5.0 %\)/);
  t.regex(verdict(20, 60), /wins 60.0 % \(.*\) of the elections, where chance gives 25 %\.$/);
  t.regex(verdict(5, 26), /votes are split no more often/);
  t.regex(verdict(5, 26), /wins 26.0 % .*, which may be the 25 % of chance\.$/);
});

test('a report of few trials, or of none, has no number that is none', (t) => {
  const cells = TOPOLOGIES.map((links) => ({ links, timeoutRatio: 10 }));
  const few = cells.map((cell) => ({ cell, samples: samplesOf(cell, 3) }));
  t.notRegex(reportOf(study, few), NOT_A_NUMBER);
  t.notRegex(reportOf(study, few.slice(2, 3)), NOT_A_NUMBER);
  t.notRegex(
    reportOf(
      study,
      cells.map((cell) => ({ cell, samples: [] })),
    ),
    NOT_A_NUMBER,
  );
});
