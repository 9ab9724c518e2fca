/**
 * Shows that the quorum arithmetic agrees with a dumb twin: one counts the servers behind every
 * candidate index, the other tries every way in which the open votes could still fall.
 *
 *     npx ava test/raft/quorum.test.ts
 *
 * A failure prints the shrunk case with fast-check's `seed` and `path`; to replay it, put them into
 * RUNS below: `{ seed, path, endOnFailure: true }`.
 */
import test from 'ava';
import fc from 'fast-check';
import {
  committedIndex,
  isVoter,
  peersOf,
  type VoteResult,
  voteResult,
} from '../../src/raft/quorum.ts';
import type { Configuration, NodeId } from '../../src/raft/types.ts';
import { simple } from './fixture.ts';

const RUNS: fc.Parameters<unknown> = { numRuns: 10_000 };

const IDS = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7'] as const;

const voters = fc.subarray([...IDS], { minLength: 1 });

const configurations: fc.Arbitrary<Configuration> = fc.record({
  voters,
  outgoing: fc.oneof(fc.constant([]), voters),
  learners: fc.subarray([...IDS]),
});

/** Few values, so that equal ones are common. */
const acknowledgements = fc.dictionary(
  fc.constantFrom(...IDS),
  fc.oneof(fc.nat(5), fc.nat(1_000_000)),
);

const ballots = fc.dictionary(fc.constantFrom(...IDS), fc.boolean());

function halves({ voters: incoming, outgoing }: Configuration): (readonly NodeId[])[] {
  return outgoing.length === 0 ? [incoming] : [incoming, outgoing];
}

/** Of all acknowledged numbers, the highest that a majority of every half has reached. */
function dumbCommittedIndex(
  configuration: Configuration,
  acknowledged: (id: NodeId) => number,
): number {
  let highest = 0;
  for (const candidate of IDS.map(acknowledged)) {
    const agreed = halves(configuration).every((half) => {
      const count = half.filter((id) => acknowledged(id) >= candidate).length;
      return count * 2 > half.length;
    });
    if (agreed) highest = Math.max(highest, candidate);
  }
  return highest;
}

/** All ways to complete the votes: if all of them win or lose, that is the result already. */
function dumbVoteResult(
  configuration: Configuration,
  votes: Readonly<Record<NodeId, boolean>>,
): VoteResult {
  const open: NodeId[] = IDS.filter((id) => votes[id] === undefined);
  let wins = 0;
  const completions = 2 ** open.length;
  for (let bits = 0; bits < completions; bits++) {
    const granted = (id: NodeId): boolean => {
      const at = open.indexOf(id);
      return at < 0 ? votes[id] === true : (bits & (1 << at)) !== 0;
    };
    const won = halves(configuration).every(
      (half) => half.filter(granted).length * 2 > half.length,
    );
    if (won) wins++;
  }
  if (wins === completions) return 'won';
  return wins === 0 ? 'lost' : 'pending';
}

test('committedIndex is what counting says', (t) => {
  fc.assert(
    fc.property(configurations, acknowledgements, (configuration, values) => {
      const acknowledged = (id: NodeId): number => values[id] ?? 0;
      const expected = dumbCommittedIndex(configuration, acknowledged);
      return committedIndex(configuration, acknowledged) === expected;
    }),
    RUNS,
  );
  t.pass();
});

test('voteResult is what every completion of the votes says', (t) => {
  fc.assert(
    fc.property(configurations, ballots, (configuration, votes) => {
      return voteResult(configuration, votes) === dumbVoteResult(configuration, votes);
    }),
    RUNS,
  );
  t.pass();
});

// §4.3: "agreement (for elections and entry commitment) requires separate majorities"
test('a joint configuration needs both majorities', (t) => {
  const joint = { voters: ['n1', 'n2', 'n3'], outgoing: ['n3', 'n4', 'n5'], learners: [] };
  const votes = { n1: true, n2: true, n3: true };
  t.is(voteResult(joint, votes), 'pending');
  t.is(voteResult(joint, { ...votes, n4: true }), 'won');
  t.is(voteResult(joint, { ...votes, n4: false, n5: false }), 'lost');
  t.is(
    committedIndex(joint, (id) => (id === 'n4' || id === 'n5' ? 3 : 9)),
    3,
  );
});

test('learners and strangers count for nothing', (t) => {
  const configuration = { voters: ['n1', 'n2', 'n3'], outgoing: [], learners: ['n4'] };
  t.is(voteResult(configuration, { n4: true, n5: true, n1: true }), 'pending');
  t.is(
    committedIndex(configuration, (id) => (id === 'n4' ? 9 : 1)),
    1,
  );
  t.false(isVoter(configuration, 'n4'));
});

test('peers are all others, each once', (t) => {
  const joint = { voters: ['n1', 'n2', 'n3'], outgoing: ['n2', 'n4'], learners: ['n5'] };
  t.deepEqual(peersOf(joint, 'n2'), ['n1', 'n3', 'n4', 'n5']);
  t.deepEqual(peersOf(simple('n1'), 'n1'), []);
});
