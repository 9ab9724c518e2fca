/**
 * Shows that what an operator asks of a simulated cluster comes about as chapter 4 and §3.10 have
 * it: servers join, learn, leave, lose their disks and are replaced, and leadership is handed over,
 * also while leaders are lost.
 *
 *     npx ava test/sim-membership.test.ts
 */
import test from 'ava';
import type { Schedule } from '../lab/schedule.ts';
import type { Simulation } from '../lab/sim/simulation.ts';
import { lastIndex } from '../src/raft/log.ts';
import type { NodeId } from '../src/raft/types.ts';
import { quietSchedule } from './support/schedules.ts';
import {
  at,
  cast,
  configurations,
  leadersAfter,
  MS,
  memberOf,
  type Probe,
  passes,
  puts,
  roleAt,
  sentBetween,
  simulate,
} from './support/sim-runs.ts';

const SPARE: Partial<Schedule> = { spares: 1 };
const CAMPAIGN = ['PreVote', 'RequestVote'] as const;

/** The longest election timeout of a quiet schedule; a hand-over takes far less. */
const ELECTION_MS = 300;

function lastIndexOf(simulation: Simulation, id: NodeId): number {
  const { raft } = memberOf(simulation, id);
  return raft === null ? -1 : lastIndex(raft.persistent.log);
}

// ---- Join, learn --------------------------------------------------------------------------------

test('a spare that nobody has let join says nothing and is sent nothing', (t) => {
  const run = simulate({ ...SPARE, operations: puts(500, 2500, 50) });
  passes(t, run);
  const about = run.trace.messages.filter(({ from, to }) => from === 'n4' || to === 'n4');
  t.deepEqual(about, []);
  t.deepEqual(configurations(run), []);
});

test('join: the server is a learner until it has caught up, and then a voter', (t) => {
  let missing = -1;
  const run = simulate(
    {
      ...SPARE,
      operations: puts(500, 2500, 10),
      faults: [at(1500, { kind: 'join', node: 'n4' })],
    },
    [1499.5, (simulation) => t.is(lastIndexOf(simulation, 'n4'), 0)],
    [
      1530,
      (simulation) => {
        missing = simulation.committedIndex - lastIndexOf(simulation, 'n4');
      },
    ],
  );
  passes(t, run);
  t.deepEqual(configurations(run), ['voters=(n1 n2 n3) learners=(n4)', 'voters=(n1 n2 n3 n4)']);
  t.true(missing <= 2, `it lacks ${missing} entries`);
  t.is(roleAt(run.trace, 'n4', 2000 * MS), 'follower');
  t.is(run.result.coverage.leaderChanges, 0);
});

test('join: a server that cannot be reached never votes, and the membership is as it was', (t) => {
  const run = simulate({
    ...SPARE,
    durationMs: 8000,
    operations: puts(500, 7500, 50),
    faults: [
      at(800, { kind: 'partition', groups: [['n4']] }),
      at(1000, { kind: 'join', node: 'n4' }),
    ],
    settings: { ...quietSchedule().settings, catchUpTimeoutMs: 500 },
  });
  t.is(run.result.verdict.kind, 'pass');
  const found = configurations(run);
  t.deepEqual([...new Set(found)], ['voters=(n1 n2 n3) learners=(n4)', 'voters=(n1 n2 n3)']);
  t.is(found.at(-1), 'voters=(n1 n2 n3)');
  t.is(run.result.coverage.operationsOk, run.result.history.length);
});

test('joinBlank: the server is a voter at once, however much it lacks', (t) => {
  const run = simulate({
    ...SPARE,
    operations: puts(500, 2500, 10),
    faults: [at(1500, { kind: 'joinBlank', node: 'n4' })],
  });
  passes(t, run);
  t.deepEqual(configurations(run), ['voters=(n1 n2 n3 n4)']);
});

test('learn: a learner has all entries, counts for no commitment and asks for no votes', (t) => {
  const { leader, first, second } = cast(SPARE);
  const committed: number[] = [];
  const look: Probe[1] = (simulation) => {
    committed.push(simulation.committedIndex);
    t.is(lastIndexOf(simulation, 'n4'), lastIndexOf(simulation, leader));
  };
  const run = simulate(
    {
      ...SPARE,
      operations: puts(1500, 2500, 10),
      faults: [
        at(1000, { kind: 'learn', node: 'n4' }),
        // Leader and learner are no majority of three voters.
        at(1600, { kind: 'partition', groups: [[leader, 'n4'], [first], [second]] }, 100),
        at(2000, { kind: 'crash', node: leader }, 500),
      ],
    },
    [1605, look],
    [1695, look],
  );
  passes(t, run);
  t.is(committed[0], committed[1]);
  t.deepEqual(configurations(run), ['voters=(n1 n2 n3) learners=(n4)']);
  t.deepEqual(
    run.trace.messages.filter(
      ({ from, to, kind }) =>
        (from === 'n4' || to === 'n4') && CAMPAIGN.some((campaign) => campaign === kind),
    ),
    [],
  );
  t.true(leadersAfter(run.trace, 2000 * MS).length > 0, 'the voters elect without it');
});

test('learn: a voter becomes a learner, and votes no more', (t) => {
  const { first, second, leader } = cast();
  const run = simulate({
    operations: puts(500, 2800, 50),
    faults: [
      at(1000, { kind: 'learn', node: first }),
      at(1500, { kind: 'crash', node: second }, 1000),
    ],
  });
  t.is(run.result.verdict.kind, 'pass');
  const voters = ['n1', 'n2', 'n3'].filter((id) => id !== first).join(' ');
  t.deepEqual(configurations(run), [`voters=(${voters}) learners=(${first})`]);
  // Of two voters one is down: the other cannot commit with a learner's help.
  const commits = run.trace.commits.filter(({ node }) => node === leader).map(({ atUs }) => atUs);
  t.deepEqual(
    commits.filter((atUs) => atUs > 1510 * MS && atUs < 2500 * MS),
    [],
  );
});

// ---- Leave --------------------------------------------------------------------------------------

test('leave: a follower that knows it is out is sent nothing, and does not campaign', (t) => {
  const { first, leader, second } = cast();
  const run = simulate({
    operations: puts(500, 2500, 20),
    faults: [at(1000, { kind: 'leave', node: first })],
  });
  passes(t, run);
  const left = [leader, second].sort().join(' ');
  t.deepEqual(configurations(run), [`voters=(${left})`]);
  const later = run.trace.messages.filter(
    ({ from, to, sentUs }) => (from === first || to === first) && sentUs > 1100 * MS,
  );
  t.deepEqual(later, []);
  t.is(run.result.coverage.leaderChanges, 0);
});

test('leave: a leader that leaves hands over, and an election timeout is not waited for', (t) => {
  const { leader } = cast({ nodes: 4 });
  const run = simulate({
    nodes: 4,
    operations: puts(500, 2500, 20),
    faults: [at(1000, { kind: 'leave', node: 'leader' })],
  });
  passes(t, run);
  const [next, ...more] = run.trace.roles.filter(
    ({ role, atUs }) => role === 'leader' && atUs > 1000 * MS,
  );
  t.truthy(next);
  t.not(next?.node, leader);
  t.deepEqual(more, []);
  t.true((next?.atUs ?? Infinity) < 1000 * MS + (ELECTION_MS / 10) * MS);
  t.deepEqual(sentBetween(run.trace, 1000, 1100, 'TimeoutNow').length, 1);
  t.deepEqual(
    run.trace.messages.filter(({ from, sentUs }) => from === leader && sentUs > 1100 * MS),
    [],
  );
  t.is(run.result.coverage.operationsOk, run.result.history.length);
});

test('leave: one that never heard of it campaigns, and disturbs nobody (§4.2.3)', (t) => {
  const { first } = cast();
  const run = simulate({
    operations: puts(500, 2500, 20),
    faults: [
      at(950, { kind: 'partition', groups: [[first]] }, 500),
      at(1000, { kind: 'leave', node: first }),
    ],
  });
  passes(t, run);
  const campaigns = sentBetween(run.trace, 1450, 3000, ...CAMPAIGN);
  t.true(campaigns.some(({ from }) => from === first));
  t.is(run.result.coverage.leaderChanges, 0);
});

test('leave: the cluster never shrinks to fewer than two voters', (t) => {
  const run = simulate({
    operations: puts(500, 2500, 20),
    faults: ['n1', 'n2', 'n3'].map((node, i) => at(1000 + 300 * i, { kind: 'leave', node })),
  });
  t.is(run.result.coverage.faultsBit, 1);
  t.is(configurations(run).length, 1);
});

// ---- Transfer -----------------------------------------------------------------------------------

test('transfer: the server meant leads at once, and no write fails', (t) => {
  const { leader, first, second } = cast();
  for (const to of [first, second, 'follower']) {
    const run = simulate({
      operations: puts(500, 2500, 20),
      faults: [at(1000, { kind: 'transfer', to })],
    });
    passes(t, run);
    const [next, ...more] = run.trace.roles.filter(
      ({ role, atUs }) => role === 'leader' && atUs > 1000 * MS,
    );
    if (to === 'follower') t.not(next?.node, leader);
    else t.is(next?.node, to);
    t.deepEqual(more, []);
    t.true((next?.atUs ?? Infinity) <= 1010 * MS, 'in a few round trips');
    const votes = sentBetween(run.trace, 999, 1010, 'RequestVote');
    t.true(votes.length > 0);
    t.true(
      votes.every(({ text }) => text.endsWith(' transfer')),
      'stickiness gives way (§4.2.3)',
    );
    t.is(run.result.coverage.operationsOk, run.result.history.length);
  }
});

test('transfer: to a server that cannot be reached it is given up, and the leader goes on', (t) => {
  const { leader, first } = cast();
  const run = simulate({
    operations: puts(500, 2500, 20),
    // While it hands over the leader takes no commands: they wait.
    clients: { ...quietSchedule().clients, requestTimeoutMs: 2000 },
    faults: [
      at(950, { kind: 'crash', node: first }, 1000),
      at(1000, { kind: 'transfer', to: first }),
    ],
  });
  t.is(run.result.verdict.kind, 'pass');
  t.deepEqual(leadersAfter(run.trace, 1000 * MS).slice(0, 1), [first], 'asked again, it leads');
  t.is(roleAt(run.trace, leader, 1900 * MS), 'leader');
  const refused = run.trace.lines.filter((line) => line.includes('rejected transferTimeout'));
  t.true(refused.length > 0);
  t.is(run.result.coverage.operationsOk, run.result.history.length);
});

// ---- Lost disks ---------------------------------------------------------------------------------

test('wipe: the server starts again blank, under another name, and belongs to nothing', (t) => {
  const { first, leader } = cast();
  const run = simulate(
    {
      operations: puts(500, 2500, 20),
      faults: [at(1000, { kind: 'wipe', node: first })],
    },
    [
      2000,
      (simulation) => {
        const member = memberOf(simulation, first);
        t.is(member.name, `${first}#2`);
        t.is(member.raft?.id, `${first}#2`);
        t.is(member.raft?.persistent.currentTerm, 0);
        t.is(lastIndexOf(simulation, first), 0);
        // The leader knows nothing of it: it goes on sending to the name that is gone.
        t.true(memberOf(simulation, leader).node?.configuration.voters.includes(first));
      },
    ],
  );
  passes(t, run);
  t.true(sentBetween(run.trace, 1100, 2000, 'AppendEntries').some(({ to }) => to === first));
  t.deepEqual(
    run.trace.messages.filter(({ from, sentUs }) => from === first && sentUs > 1001 * MS),
    [],
  );
});

test('wipe: what the lost server had promised nobody promises again: it does not vote', (t) => {
  const { first, leader } = cast();
  const run = simulate({
    operations: puts(500, 2500, 20),
    faults: [
      at(1000, { kind: 'wipe', node: first }),
      // Of three voters one is gone: with the leader down the third cannot win.
      at(1200, { kind: 'crash', node: leader }, 1000),
    ],
  });
  passes(t, run);
  t.deepEqual(
    leadersAfter(run.trace, 1200 * MS).filter((id) => id === first),
    [],
  );
  const between = run.trace.roles.filter(
    ({ role, atUs }) => role === 'leader' && atUs > 1200 * MS && atUs < 2200 * MS,
  );
  t.deepEqual(between, []);
});

test('wipe and join: the new incarnation takes the place of the old one in one change', (t) => {
  const { first } = cast();
  const run = simulate({
    durationMs: 5000,
    operations: puts(500, 4500, 20),
    faults: [
      at(1000, { kind: 'wipe', node: first }),
      at(1500, { kind: 'join', node: first }),
      at(2500, { kind: 'wipe', node: first }),
      at(3000, { kind: 'join', node: first }),
    ],
  });
  passes(t, run);
  const others = ['n1', 'n2', 'n3'].filter((id) => id !== first).join(' ');
  t.deepEqual(configurations(run), [
    `voters=(n1 n2 n3) learners=(${first}#2)`,
    `voters=(${others} ${first}#2)&(n1 n2 n3)`,
    `voters=(${others} ${first}#2)`,
    `voters=(${others} ${first}#2) learners=(${first}#3)`,
    `voters=(${others} ${first}#3)&(${others} ${first}#2)`,
    `voters=(${others} ${first}#3)`,
  ]);
});

test('wipe: no disk is lost where the others would not be enough', (t) => {
  const { first, second } = cast();
  const run = simulate({
    operations: puts(500, 2500, 20),
    faults: [at(1000, { kind: 'wipe', node: first }), at(1200, { kind: 'wipe', node: second })],
  });
  t.is(run.result.verdict.kind, 'pass');
  t.is(run.result.coverage.faultsBit, 1);
  t.is(memberOf(run.simulation, second).name, second);
});

// ---- Changes while leaders are lost -------------------------------------------------------------

test('a joint configuration whose leader crashes is ended by the next one', (t) => {
  const { first } = cast();
  const faults = [at(1000, { kind: 'wipe', node: first }), at(1500, { kind: 'join', node: first })];
  const schedule = { durationMs: 5000, operations: puts(1600, 4500, 20), faults };
  const { simulation } = simulate(schedule);
  const joint = simulation.committed.find(
    (entry) => entry.kind === 'configuration' && entry.configuration.outgoing.length > 0,
  );
  const index = joint?.index ?? 0;
  t.true(index > 0);
  const run = simulate({
    ...schedule,
    faults: [
      ...faults,
      {
        ...at(1500, { kind: 'crash', node: 'leader' }, 600),
        when: { kind: 'committed', index, nodes: 1 },
      },
    ],
  });
  passes(t, run);
  t.true(run.result.coverage.leaderChanges > 0);
  const others = ['n1', 'n2', 'n3'].filter((id) => id !== first).join(' ');
  t.is(configurations(run).at(-1), `voters=(${others} ${first}#2)`);
  t.true(configurations(run).some((text) => text.includes('&(')));
});

test('an operation that no leader takes is asked for again', (t) => {
  const run = simulate({
    ...SPARE,
    durationMs: 5000,
    operations: puts(2500, 4500, 50),
    faults: [
      at(1000, { kind: 'partition', groups: [['n1'], ['n2'], ['n3']] }, 1000),
      at(1200, { kind: 'join', node: 'n4' }),
    ],
  });
  passes(t, run);
  t.is(configurations(run).at(-1), 'voters=(n1 n2 n3 n4)');
});

test('configure: several come and go at once, by one joint configuration (§4.3)', (t) => {
  const { leader } = cast({ spares: 3 });
  const run = simulate({
    spares: 3,
    durationMs: 4000,
    operations: puts(500, 3500, 10),
    faults: [at(1000, { kind: 'configure', voters: ['n4', 'n5', 'n6'] })],
  });
  passes(t, run);
  t.deepEqual(configurations(run), [
    'voters=(n1 n2 n3) learners=(n4 n5 n6)',
    'voters=(n4 n5 n6)&(n1 n2 n3)',
    'voters=(n4 n5 n6)',
  ]);
  t.is(roleAt(run.trace, leader, 3000 * MS), 'follower', 'it led until it was out');
  t.is(run.result.coverage.leaderChanges, 1);
  t.is(run.result.coverage.operationsOk, run.result.history.length);
});

test('configure: while both majorities are needed, the old one alone decides nothing', (t) => {
  const quiet = { spares: 3, durationMs: 6000, operations: puts(500, 5500, 10) };
  const configure = at(1000, { kind: 'configure', voters: ['n4', 'n5', 'n6'] });
  const { simulation } = simulate({ ...quiet, faults: [configure] });
  const joint = simulation.committed.find(
    (entry) => entry.kind === 'configuration' && entry.configuration.outgoing.length > 0,
  );
  const { leader } = cast({ spares: 3 });
  let struckAt = 0;
  const committed: number[] = [];
  const run = simulate(
    {
      ...quiet,
      faults: [
        configure,
        // The new half is away from just before it would agree to the joint configuration.
        {
          ...at(1000, { kind: 'partition', groups: [['n1', 'n2', 'n3']] }, 1000),
          when: { kind: 'committed', index: (joint?.index ?? 0) - 1, nodes: 1 },
        },
      ],
    },
    ...[1200, 1900].map(
      (atMs): Probe => [
        atMs,
        (at) => {
          committed.push(at.committedIndex);
          const { node } = memberOf(at, leader);
          struckAt = node?.configuration.outgoing.length ?? 0;
        },
      ],
    ),
  );
  passes(t, run);
  t.is(struckAt, 3, 'the leader is in the joint configuration');
  t.is(committed[0], committed[1]);
  t.is(configurations(run).at(-1), 'voters=(n4 n5 n6)');
});

test('all servers are replaced one after the other under load', (t) => {
  const fresh = ['n4', 'n5', 'n6'];
  const run = simulate({
    spares: 3,
    durationMs: 8000,
    operations: puts(500, 7500, 10),
    faults: fresh.flatMap((node, i) => [
      at(1000 + 2000 * i, { kind: 'join', node }),
      at(2000 + 2000 * i, { kind: 'leave', node: `n${i + 1}` }),
    ]),
  });
  passes(t, run);
  t.is(configurations(run).at(-1), 'voters=(n4 n5 n6)');
  t.is(run.result.coverage.operationsOk, run.result.history.length);
});
