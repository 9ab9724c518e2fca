/**
 * Shows that random faults follow from the seed, come in their rhythm and within the run, and that
 * the nemesis strikes whom and when the schedule says, undoes it when its time is over, and leaves
 * nothing in force when it heals.
 *
 *     npx ava test/nemesis.test.ts
 */
import test from 'ava';
import fc from 'fast-check';
import type { Administration } from '../lab/cluster.ts';
import { describeFault, type Fault, type FaultAction } from '../lab/faults.ts';
import type { ThreadCluster } from '../lab/threads/cluster.ts';
import { LinkFaults } from '../lab/threads/link-faults.ts';
import { Nemesis, type Rhythm, randomFaults } from '../lab/threads/nemesis.ts';
import { memberName } from '../src/raft/identity.ts';
import type { Answer } from '../src/raft/types.ts';
import { type LinkSettings, PERFECT } from '../src/transport/link.ts';
import { always, near, SEED, SIGMAS } from './support/property.ts';

// ---- Random schedules ---------------------------------------------------------------------------

const NEVER: Rhythm = { crashEveryS: 0, pauseEveryS: 0, partitionEveryS: 0 };
const EACH_S: Rhythm = { crashEveryS: 1, pauseEveryS: 1, partitionEveryS: 1 };

const everyS = fc.oneof(fc.constant(0), fc.double({ min: 0.05, max: 20, noNaN: true }));
const rhythm: fc.Arbitrary<Rhythm> = fc.record({
  crashEveryS: everyS,
  pauseEveryS: everyS,
  partitionEveryS: everyS,
});
const seed = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

function ofKind(actions: readonly FaultAction[], kind: Fault['kind']): FaultAction[] {
  return actions.filter(({ fault }) => fault.kind === kind);
}

function periodMs({ crashEveryS, pauseEveryS, partitionEveryS }: Rhythm, kind: string): number {
  if (kind === 'crash') return crashEveryS * 1000;
  return (kind === 'pause' ? pauseEveryS : partitionEveryS) * 1000;
}

test('a schedule follows from rhythm, duration and seed, and from nothing else', (t) => {
  t.deepEqual(randomFaults(EACH_S, 10_000, 7), randomFaults(EACH_S, 10_000, 7));
  t.notDeepEqual(randomFaults(EACH_S, 10_000, 7), randomFaults(EACH_S, 10_000, 8));
  t.deepEqual(randomFaults(NEVER, 10_000, 7), []);
});

test('faults come in the order of their times, within the run, once per period', (t) => {
  always(
    t,
    fc.property(rhythm, fc.integer({ min: 1, max: 5000 }), seed, (rates, durationMs, from) => {
      const actions = randomFaults(rates, durationMs, from);
      const sorted = actions.every((one, i) => i === 0 || one.atMs >= (actions[i - 1]?.atMs ?? 0));
      const within = actions.every(({ atMs }) => atMs >= 0 && atMs < durationMs);
      if (!sorted || !within) return false;
      return (['crash', 'pause', 'partition'] as const).every((kind) => {
        const own = ofKind(actions, kind);
        const period = periodMs(rates, kind);
        if (period === 0) return own.length === 0;
        // In the last period the moment drawn may lie behind the end of the run.
        const periods = Math.ceil(durationMs / period);
        if (own.length !== periods && own.length !== periods - 1) return false;
        return own.every(({ atMs, forMs = Number.NaN }, i) => {
          const over = own[i + 1]?.atMs ?? Number.POSITIVE_INFINITY;
          const lasts = Math.abs(forMs - Math.min(1000, period * 0.4)) < 1e-6;
          const inPeriod = atMs >= i * period - 1e-6 && atMs < (i + 1) * period;
          return lasts && inPeriod && atMs + forMs <= over + 1e-6;
        });
      });
    }),
    500,
  );
});

test('taking one kind of fault away leaves the others as they were', (t) => {
  const all = randomFaults(EACH_S, 20_000, SEED);
  for (const [kind, without] of [
    ['crash', { ...EACH_S, crashEveryS: 0 }],
    ['pause', { ...EACH_S, pauseEveryS: 0 }],
    ['partition', { ...EACH_S, partitionEveryS: 0 }],
  ] as const) {
    const rest = all.filter(({ fault }) => fault.kind !== kind);
    t.deepEqual(randomFaults(without, 20_000, SEED), rest);
  }
});

test('the kinds of fault come at moments of their own', (t) => {
  const actions = randomFaults(EACH_S, 50_000, SEED);
  const moments = (['crash', 'pause', 'partition'] as const).map((kind) =>
    ofKind(actions, kind).map(({ atMs }) => atMs),
  );
  const [crashes, ...others] = moments;
  for (const other of others) t.notDeepEqual(other, crashes);
});

test('half of the faults strike the leader, and their moments are spread over the period', (t) => {
  const actions = randomFaults(EACH_S, 3_000_000, SEED);
  for (const kind of ['crash', 'pause', 'partition'] as const) {
    const own = ofKind(actions, kind);
    t.is(own.length, 3000);
    const leaders = own.filter(({ fault }) => {
      if (fault.kind === 'crash' || fault.kind === 'pause') return fault.node === 'leader';
      return fault.kind === 'partition' && fault.groups[0]?.[0] === 'leader';
    });
    const bound = SIGMAS * Math.sqrt(0.25 / own.length);
    near(t, `${kind} of the leader`, leaders.length / own.length, 0.5, bound);
    // Uniform over the 600 ms in which a fault of 400 ms is over before the period is.
    const offsets = own.map(({ atMs }, i) => atMs - i * 1000);
    const mean = offsets.reduce((sum, value) => sum + value, 0) / offsets.length;
    near(t, `moment of ${kind}`, mean, 300, (SIGMAS * 600) / Math.sqrt(12 * offsets.length));
  }
});

// ---- The nemesis at work ------------------------------------------------------------------------

/** A cluster that notes what is done to it, in words. */
class FakeCluster {
  readonly nodes = ['n1', 'n2', 'n3'];
  readonly options = { link: { ...PERFECT, loss: 0.1 } };
  readonly done: string[] = [];
  leaderId: string | null = 'n2';
  readonly states = new Map<string, string>();
  readonly links = new Map<string, LinkSettings>();
  /** What nodes know as committed, one row for each time they are asked; the last one stays. */
  commits: number[][] = [[]];
  onLeaderElected: () => void = () => {};
  membership = {
    configuration: { voters: this.nodes, outgoing: [] as string[], learners: [] },
    isCommitted: true,
  };
  readonly #incarnations = new Map<string, number>();
  /** What the cluster answers to any operation. */
  answer: Answer | null = { kind: 'done' };
  readonly operator: Administration = {
    carryOut: (operation, done) => {
      this.done.push(describeFault(operation));
      done(this.answer);
    },
    end: () => {},
  };

  name(id: string): string {
    return memberName(id, this.#incarnations.get(id) ?? 1);
  }

  wipe(id: string): Promise<void> {
    this.#incarnations.set(id, (this.#incarnations.get(id) ?? 1) + 1);
    this.#note('running', 'wipe', id);
    return Promise.resolve();
  }

  status(): Promise<{ commitIndex: number }[]> {
    const now = this.commits.length > 1 ? this.commits.shift() : this.commits[0];
    return Promise.resolve((now ?? []).map((commitIndex) => ({ commitIndex })));
  }

  state(id: string): string {
    return this.states.get(id) ?? 'running';
  }

  crash(id: string): Promise<void> {
    this.#note('crashed', 'crash', id);
    return Promise.resolve();
  }

  restart(id: string): void {
    if (this.state(id) === 'crashed') this.#note('running', 'restart', id);
  }

  pause(id: string): void {
    if (this.state(id) === 'running') this.#note('paused', 'pause', id);
  }

  resume(id: string): void {
    if (this.state(id) === 'paused') this.#note('running', 'resume', id);
  }

  /** Notes what is changed, and nothing of what is set again as it was. */
  setLink(from: string, to: string, settings: Partial<LinkSettings>): void {
    const name = `${from}->${to}`;
    const before: LinkSettings = this.links.get(name) ?? this.options.link;
    const changed = Object.entries(settings).filter(
      ([field, value]) => before[field as keyof LinkSettings] !== value,
    );
    this.links.set(name, { ...before, ...settings });
    this.done.push(`${name} ${JSON.stringify(Object.fromEntries(changed))}`);
  }

  heal(from: string, to: string): void {
    this.done.push(`heal ${from}->${to}`);
  }

  #note(state: string, what: string, id: string): void {
    this.states.set(id, state);
    this.done.push(`${what} ${id}`);
  }

  /** Waits until so much was done; rejects when it takes too long. */
  async until(count: number, limitMs = 30_000): Promise<string[]> {
    const endMs = performance.now() + limitMs;
    while (this.done.length < count) {
      if (performance.now() > endMs) throw new Error(`only ${this.done.join(', ')} was done`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return this.done;
  }
}

function nemesisOf(cluster: FakeCluster): Nemesis {
  return new Nemesis(cluster as unknown as ThreadCluster);
}

function fatesOf({ injections }: Nemesis): string[] {
  return injections.map(({ fate }) => fate);
}

const CUT_N2 = ['n1->n2', 'n2->n1', 'n2->n3', 'n3->n2'];

test('a fault comes at its time, lasts as long as it says, and is noted', async (t) => {
  const cluster = new FakeCluster();
  const nemesis = nemesisOf(cluster);
  const startMs = performance.now();
  nemesis.start([
    { atMs: 30, forMs: 40, fault: { kind: 'crash', node: 'leader' } },
    { atMs: 10, forMs: 200, fault: { kind: 'pause', node: 'n3' } },
  ]);
  t.deepEqual(cluster.done, [], 'nothing at once');
  await cluster.until(1);
  t.true(performance.now() - startMs >= 9);
  await cluster.until(2);
  t.true(performance.now() - startMs >= 29);
  await cluster.until(4);
  t.true(performance.now() - startMs >= 209);
  t.deepEqual(cluster.done, ['pause n3', 'crash n2', 'restart n2', 'resume n3']);
  t.deepEqual(
    nemesis.bands.map(({ kind, nodes }) => [kind, nodes]),
    [
      ['pause', ['n3']],
      ['crash', ['n2']],
    ],
  );
  const [pause, crash] = nemesis.bands;
  t.true((pause?.fromMs ?? 0) >= 9 && (crash?.fromMs ?? 0) >= 29);
  t.true((pause?.toMs ?? 0) - (pause?.fromMs ?? 0) >= 199);
  t.true((crash?.toMs ?? 0) - (crash?.fromMs ?? 0) >= 39);
});

test('a fault without an end lasts until its opposite is scheduled', async (t) => {
  const cluster = new FakeCluster();
  const nemesis = nemesisOf(cluster);
  nemesis.start([
    { atMs: 0, fault: { kind: 'crash', node: 'n1' } },
    { atMs: 20, fault: { kind: 'restart', node: 'n1' } },
    { atMs: 40, fault: { kind: 'pause', node: 'n3' } },
    { atMs: 60, fault: { kind: 'resume', node: 'n3' } },
  ]);
  t.deepEqual(await cluster.until(4), ['crash n1', 'restart n1', 'pause n3', 'resume n3']);
  const [crash, pause] = nemesis.bands;
  t.true((crash?.toMs ?? 0) >= 19 && (pause?.fromMs ?? 0) >= 39 && (pause?.toMs ?? 0) >= 59);
});

test('a partition cuts both ways between groups; the rest is one group', async (t) => {
  const cluster = new FakeCluster();
  const nemesis = nemesisOf(cluster);
  const fault: Fault = { kind: 'partition', groups: [['leader']] };
  nemesis.start([{ atMs: 0, forMs: 20, fault }]);
  await cluster.until(4);
  const cut = CUT_N2.map((pair) => `${pair} {"cut":true}`);
  t.deepEqual([...cluster.done.slice(0, 4)].sort(), cut);
  await cluster.until(8);
  t.deepEqual(
    [...cluster.done.slice(4)].sort(),
    cut.map((one) => one.replace('true', 'false')),
  );
  t.deepEqual(nemesis.bands[0]?.nodes, ['n2']);
});

test('named groups are apart from each other', async (t) => {
  const cluster = new FakeCluster();
  const groups = [['n1'], ['n2'], ['n3']];
  const nemesis = nemesisOf(cluster);
  nemesis.start([{ atMs: 0, fault: { kind: 'partition', groups } }]);
  t.is((await cluster.until(6)).length, 6);
  await nemesis.heal();
});

test('a link fault changes the links it names, and puts back what was before', async (t) => {
  for (const [from, to, pairs] of [
    ['leader', '*', ['n2->n1', 'n2->n3']],
    ['*', 'n1', ['n2->n1', 'n3->n1']],
    ['n1', 'n3', ['n1->n3']],
  ] as const) {
    const cluster = new FakeCluster();
    const nemesis = nemesisOf(cluster);
    const fault: Fault = { kind: 'link', from, to, settings: { delayMs: 5 } };
    nemesis.start([{ atMs: 0, forMs: 5, fault }]);
    await cluster.until(2 * pairs.length);
    t.deepEqual(cluster.done, [
      ...pairs.map((pair) => `${pair} {"delayMs":5}`),
      ...pairs.map((pair) => `${pair} {"delayMs":0}`),
    ]);
  }
});

test('faults of one link may overlap: what is left of them stays in force', (t) => {
  const cluster = new FakeCluster();
  const links = new LinkFaults(cluster as unknown as ThreadCluster);
  const pairs = [['n1', 'n2']] as const;
  const endSlow = links.change(pairs, { delayMs: 5, loss: 0.5 });
  const endCut = links.cut(pairs);
  const endLoss = links.change(pairs, { loss: 0.7 });
  const endOtherCut = links.cut(pairs);
  for (const end of [endSlow, endCut, endLoss, endOtherCut]) end();
  t.deepEqual(cluster.done, [
    'n1->n2 {"loss":0.5,"delayMs":5}',
    'n1->n2 {"cut":true}',
    'n1->n2 {"loss":0.7}',
    'n1->n2 {}',
    'n1->n2 {"delayMs":0}',
    'n1->n2 {}',
    'n1->n2 {"loss":0.1}',
    'n1->n2 {"cut":false}',
  ]);
});

test('a pause ends with the thread it stopped, and no later one with it', async (t) => {
  const cluster = new FakeCluster();
  const nemesis = nemesisOf(cluster);
  nemesis.start([{ atMs: 0, forMs: 800, fault: { kind: 'pause', node: 'n1' } }]);
  await cluster.until(1);
  nemesis.start([{ atMs: 0, forMs: 1, fault: { kind: 'crash', node: 'n1' } }]);
  await cluster.until(3);
  const pausedMs = performance.now();
  nemesis.start([{ atMs: 0, forMs: 1600, fault: { kind: 'pause', node: 'n1' } }]);
  const done = await cluster.until(5);
  t.deepEqual(done, ['pause n1', 'crash n1', 'restart n1', 'pause n1', 'resume n1']);
  t.true(performance.now() - pausedMs >= 1599);
});

test('a restart ends a crash and a resume a pause, and nothing else', async (t) => {
  const cluster = new FakeCluster();
  const nemesis = nemesisOf(cluster);
  nemesis.start([
    { atMs: 0, fault: { kind: 'partition', groups: [['n2']] } },
    { atMs: 100, fault: { kind: 'pause', node: 'n2' } },
    { atMs: 200, fault: { kind: 'restart', node: 'n2' } },
    { atMs: 300, fault: { kind: 'resume', node: 'n2' } },
    { atMs: 400, fault: { kind: 'heal' } },
    { atMs: 500, fault: { kind: 'heal' } },
    { atMs: 600, fault: { kind: 'crash', node: 'n1' } },
  ]);
  const done = await cluster.until(11);
  t.deepEqual(done.slice(4, 6), ['pause n2', 'resume n2']);
  t.deepEqual(
    [...done.slice(6, 10)].sort(),
    CUT_N2.map((pair) => `${pair} {"cut":false}`),
  );
  t.deepEqual(fatesOf(nemesis), ['done', 'done', 'nothing', 'done', 'done', 'nothing', 'done']);
  await nemesis.heal();
});

test('what this host cannot do is said and not done', (t) => {
  const cluster = new FakeCluster();
  const nemesis = nemesisOf(cluster);
  nemesis.start([
    { atMs: 0, fault: { kind: 'clockJump', node: 'n1', jumpMs: 50 } },
    { atMs: 0, fault: { kind: 'clockDrift', node: 'n1', driftPpm: 50 } },
    { atMs: 0, fault: { kind: 'diskSlow', node: 'n1', latencyMs: 5 } },
    { atMs: 0, fault: { kind: 'diskFull', node: 'n1' } },
    { atMs: 0, when: { kind: 'leaderElected' }, fault: { kind: 'diskCorrupt', node: 'n1' } },
  ]);
  cluster.onLeaderElected();
  t.deepEqual(fatesOf(nemesis), Array(5).fill('impossible'));
  t.deepEqual(cluster.done, []);
});

const OPERATIONS: readonly Fault[] = [
  { kind: 'join', node: 'n4' },
  { kind: 'joinBlank', node: 'n4' },
  { kind: 'learn', node: 'n4' },
  { kind: 'leave', node: 'leader' },
  { kind: 'transfer', to: 'follower' },
  { kind: 'configure', voters: ['n1', 'n2', 'n4'] },
  { kind: 'snapshot', node: 'follower' },
];

test('operations are asked for, on whoever plays the part, and have no end', async (t) => {
  const cluster = new FakeCluster();
  const nemesis = nemesisOf(cluster);
  nemesis.start(OPERATIONS.map((fault, i) => ({ atMs: i * 100, forMs: 1, fault })));
  t.deepEqual(await cluster.until(OPERATIONS.length), [
    'join n4',
    'join n4 at once',
    'join n4 as learner',
    'leave n2',
    'transfer to n1',
    'configure n1, n2, n4',
    'snapshot n1',
  ]);
  await nemesis.heal();
  t.deepEqual(fatesOf(nemesis), Array(OPERATIONS.length).fill('done'));
  t.deepEqual(nemesis.bands, []);
});

test('what the cluster does not carry out is told apart from what found nobody', async (t) => {
  const refused: Answer = { kind: 'rejected', reason: 'lastVoter', leaderId: 'n2' };
  for (const answer of [refused, null]) {
    const cluster = new FakeCluster();
    cluster.answer = answer;
    const nemesis = nemesisOf(cluster);
    nemesis.start([
      { atMs: 0, fault: { kind: 'leave', node: 'n1' } },
      { atMs: 10, fault: { kind: 'crash', node: 'n2' } },
      { atMs: 20, fault: { kind: 'leave', node: 'leader' } },
      { atMs: 30, fault: { kind: 'pause', node: 'n1' } },
    ]);
    await cluster.until(3);
    t.deepEqual(fatesOf(nemesis), ['refused', 'done', 'nothing', 'done']);
    await nemesis.heal();
  }
});

test('a disk is lost where the others are enough without it', async (t) => {
  const cluster = new FakeCluster();
  const nemesis = nemesisOf(cluster);
  const wipe = (atMs: number, node: string): FaultAction => ({
    atMs,
    fault: { kind: 'wipe', node },
  });
  nemesis.start([wipe(0, 'n3'), wipe(20, 'leader'), wipe(40, 'n3')]);
  await cluster.until(2);
  t.deepEqual(cluster.done, ['wipe n3', 'wipe n3'], 'a second voter would be one too many');
  t.deepEqual(fatesOf(nemesis), ['done', 'nothing', 'done']);
});

test('no disk is lost while the membership changes', async (t) => {
  const joint = { voters: ['n1', 'n2', 'n3'], outgoing: ['n1'], learners: [] };
  const settled = { ...joint, outgoing: [] };
  for (const membership of [
    { configuration: joint, isCommitted: true },
    { configuration: settled, isCommitted: false },
  ]) {
    const cluster = new FakeCluster();
    cluster.membership = membership as FakeCluster['membership'];
    const nemesis = nemesisOf(cluster);
    nemesis.start([
      { atMs: 0, fault: { kind: 'wipe', node: 'n1' } },
      { atMs: 10, fault: { kind: 'pause', node: 'n3' } },
    ]);
    t.deepEqual(await cluster.until(1), ['pause n3']);
    t.deepEqual(fatesOf(nemesis), ['nothing', 'done']);
    await nemesis.heal();
  }
});

test('the end of a crash does not strike the server that took the place', async (t) => {
  const cluster = new FakeCluster();
  const nemesis = nemesisOf(cluster);
  nemesis.start([
    { atMs: 0, forMs: 40, fault: { kind: 'crash', node: 'n1' } },
    { atMs: 20, fault: { kind: 'wipe', node: 'n1' } },
    { atMs: 30, fault: { kind: 'crash', node: 'n1' } },
    { atMs: 80, fault: { kind: 'pause', node: 'n3' } },
  ]);
  t.deepEqual(await cluster.until(4), ['crash n1', 'wipe n1', 'crash n1', 'pause n3']);
  await nemesis.heal();
});

test('a fault that waits for a leader strikes the first one from its time on', async (t) => {
  const cluster = new FakeCluster();
  const nemesis = nemesisOf(cluster);
  const when = { kind: 'leaderElected' } as const;
  nemesis.start([
    { atMs: 10, when, fault: { kind: 'pause', node: 'leader' } },
    { atMs: 30, fault: { kind: 'pause', node: 'n1' } },
    { atMs: 1e6, when, fault: { kind: 'crash', node: 'n1' } },
  ]);
  cluster.onLeaderElected();
  t.deepEqual(await cluster.until(1), ['pause n1'], 'too early, and once more too late');
  cluster.leaderId = 'n3';
  cluster.onLeaderElected();
  cluster.onLeaderElected();
  t.deepEqual(cluster.done, ['pause n1', 'pause n3']);
  t.deepEqual(fatesOf(nemesis), ['done', 'done', 'waiting']);
  await nemesis.heal();
});

test('a fault that waits for a commit strikes when just so many nodes know of it', async (t) => {
  const cluster = new FakeCluster();
  cluster.commits = [
    [4, 4, 4],
    [5, 5, 4],
    [5, 4, 4],
    [7, 3, 3],
    [5, 5, 5],
  ];
  const nemesis = nemesisOf(cluster);
  const crash = (nodes: number, index: number, node: string): FaultAction => ({
    atMs: 0,
    when: { kind: 'committed', index, nodes },
    fault: { kind: 'crash', node },
  });
  nemesis.start([crash(1, 5, 'n1'), crash(2, 5, 'n2'), crash(3, 6, 'n3')]);
  t.deepEqual(await cluster.until(2), ['crash n2', 'crash n1']);
  t.deepEqual(fatesOf(nemesis), ['done', 'done', 'waiting']);
  await nemesis.heal();
});

test('the follower struck is one that runs; without any it is the leader', async (t) => {
  const cluster = new FakeCluster();
  cluster.states.set('n1', 'crashed');
  const nemesis = nemesisOf(cluster);
  nemesis.start([{ atMs: 0, fault: { kind: 'pause', node: 'follower' } }]);
  t.deepEqual(await cluster.until(1), ['pause n3']);
  nemesis.start([{ atMs: 0, fault: { kind: 'pause', node: 'follower' } }]);
  t.deepEqual(await cluster.until(2), ['pause n3', 'pause n2']);
});

test('without a leader nobody is struck in its name', async (t) => {
  const cluster = new FakeCluster();
  cluster.leaderId = null;
  const nemesis = nemesisOf(cluster);
  nemesis.start([
    { atMs: 0, fault: { kind: 'crash', node: 'leader' } },
    { atMs: 0, fault: { kind: 'pause', node: 'leader' } },
    { atMs: 5, fault: { kind: 'pause', node: 'n1' } },
  ]);
  t.deepEqual(await cluster.until(1), ['pause n1']);
  t.is(nemesis.bands.length, 1);
  t.deepEqual(fatesOf(nemesis), ['nothing', 'nothing', 'done']);
});

for (const how of ['the hand', 'the schedule'] as const) {
  test(`healing by ${how} undoes whatever is in force`, async (t) => {
    const cluster = new FakeCluster();
    const nemesis = nemesisOf(cluster);
    const faults: FaultAction[] = [
      { atMs: 0, forMs: 5000, fault: { kind: 'crash', node: 'n1' } },
      { atMs: 0, fault: { kind: 'pause', node: 'n3' } },
      { atMs: 0, fault: { kind: 'partition', groups: [['n2']] } },
    ];
    const heal: FaultAction = { atMs: 20, fault: { kind: 'heal' } };
    nemesis.start(how === 'the hand' ? faults : [...faults, heal]);
    await cluster.until(6);
    if (how === 'the hand') await nemesis.heal();
    await cluster.until(12);
    for (const [id, state] of cluster.states) t.is(state, 'running', id);
    for (const pair of CUT_N2) t.true(cluster.done.includes(`${pair} {"cut":false}`), pair);
    t.true(nemesis.bands.every(({ fromMs, toMs }) => toMs >= fromMs));
    await nemesis.heal();
  });
}

test('what was still to come does not, once healed', async (t) => {
  const cluster = new FakeCluster();
  const nemesis = nemesisOf(cluster);
  nemesis.start([{ atMs: 5, fault: { kind: 'crash', node: 'n1' } }]);
  await nemesis.heal();
  // A later timer than the one that must not fire, to know that its time has come and gone.
  nemesis.start([{ atMs: 30, fault: { kind: 'pause', node: 'n3' } }]);
  await cluster.until(7);
  t.false(cluster.done.includes('crash n1'));
  await nemesis.heal();
});
