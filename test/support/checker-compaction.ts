/** Cases of the checker: snapshots, and logs that begin behind them. */
import type { Effect, Entry, NodeId, RaftState, SnapshotMeta } from '../../src/raft/types.ts';
import { append, entriesOf, simple } from '../raft/fixture.ts';
import {
  type Case,
  committed,
  configured,
  NOOP,
  persist,
  snapshotOf,
  vouch,
  type World,
} from './checker-world.ts';

/** n1 leads term 3 and has committed 1/3 2/3 3/3, the no-op and two commands. */
const THREE: readonly Entry[] = [NOOP, ...entriesOf([3, 3], 2)];
function committedThree(world: World, voter?: NodeId): RaftState {
  const n1 = committed(world, voter);
  const entries = THREE.slice(1);
  n1.persistent.log.entries.push(...entries);
  world.saw(n1, [persist({ entries })]);
  world.save(n1);
  world.disk('n2').entries = THREE;
  n1.volatile.commitIndex = 3;
  world.saw(n1);
  return n1;
}

/** The server's log begins behind the entry, and it says so. */
function compact(world: World, state: RaftState, index: number, term: number): void {
  const { log } = state.persistent;
  const held = log.entries[index - log.baseIndex - 1]?.term === term;
  log.entries.splice(0, held ? index - log.baseIndex : log.entries.length);
  log.baseIndex = index;
  log.baseTerm = term;
  world.saw(state, [persist({ compactTo: { index, term } })]);
}

/** The server has a snapshot, on its disk and in mind. */
function keep(world: World, state: RaftState, snapshot: SnapshotMeta): void {
  world.disk(state.id).snapshot = snapshot;
  state.persistent.snapshot = snapshot;
  world.saw(state);
}

/** The server puts itself into the snapshot's state, as figure 5.3 has it or not. */
function install(world: World, state: RaftState, snapshot: SnapshotMeta): void {
  const { index, term } = snapshot;
  const { log } = state.persistent;
  world.disk(state.id).snapshot = snapshot;
  const held = log.entries[index - log.baseIndex - 1]?.term === term;
  log.entries.splice(0, held ? index - log.baseIndex : log.entries.length);
  log.baseIndex = index;
  log.baseTerm = term;
  state.persistent.snapshot = snapshot;
  state.volatile.commitIndex = Math.max(state.volatile.commitIndex, index);
  world.saw(state, [persist({ compactTo: { index, term } }), { kind: 'install', snapshot }]);
}

const FOUR_VOTERS = simple('n1', 'n2', 'n3', 'n4');

export const COMPACTION_CASES: readonly Case[] = [
  // ---- Snapshot Is Committed --------------------------------------------------------------------
  {
    property: 'snapshotIsCommitted',
    what: 'a server starts from a snapshot of what nobody has committed',
    legal(world) {
      committedThree(world);
      world.start('n2', { snapshot: snapshotOf(2, 3), base: [2, 3], entries: THREE.slice(2) });
    },
    broken(world) {
      committedThree(world);
      world.start('n2', { snapshot: snapshotOf(4, 3), base: [4, 3] });
    },
    says: 'n2 has a snapshot of entry 4, leaders have committed 3',
  },
  {
    property: 'snapshotIsCommitted',
    what: 'a snapshot of another entry than the committed one is installed',
    legal(world) {
      committedThree(world, 'n2');
      install(world, world.start('n3', { term: 3 }), snapshotOf(3, 3));
    },
    broken(world) {
      committedThree(world, 'n2');
      install(world, world.start('n3', { term: 3 }), snapshotOf(3, 2));
    },
    says: 'n3 has a snapshot of entry 3 of term 2, where one of term 3 is committed',
  },
  {
    property: 'snapshotIsCommitted',
    what: 'a snapshot carries a configuration that is not the one in force there',
    legal(world) {
      const n1 = committed(world);
      world.configure(n1, 400_000, ...FOUR_VOTERS.voters);
      world.commit(n1, 400_000, 'n2', 'n4');
      keep(world, n1, snapshotOf(1, 3));
      keep(world, n1, snapshotOf(2, 3, { index: 2, configuration: FOUR_VOTERS }));
    },
    broken(world) {
      const n1 = committed(world);
      world.configure(n1, 400_000, ...FOUR_VOTERS.voters);
      world.commit(n1, 400_000, 'n2', 'n4');
      keep(world, n1, snapshotOf(2, 3));
    },
    says:
      'n1 has a snapshot of entry 2 with the configuration n1 n2 n3 of entry 0, ' +
      'where n1 n2 n3 n4 of entry 2 is in force',
  },
  {
    property: 'snapshotIsCommitted',
    what: 'a snapshot is sent that the sender does not have',
    legal(world) {
      const n1 = committedThree(world);
      keep(world, n1, snapshotOf(2, 3));
      world.sent('n1', 'n3', { kind: 'InstallSnapshot', term: 3, snapshot: snapshotOf(2, 3) });
    },
    broken(world) {
      const n1 = committedThree(world);
      keep(world, n1, snapshotOf(2, 3));
      world.sent('n1', 'n3', { kind: 'InstallSnapshot', term: 3, snapshot: snapshotOf(9, 3) });
    },
    says: 'n1 has a snapshot of entry 9, leaders have committed 3',
  },
  // ---- Compaction Covered -----------------------------------------------------------------------
  {
    property: 'compactionCovered',
    what: 'a log is compacted before its snapshot is on the disk',
    legal(world) {
      const n1 = committedThree(world);
      keep(world, n1, snapshotOf(2, 3));
      compact(world, n1, 1, 3);
      compact(world, n1, 2, 3);
    },
    broken(world) {
      const n1 = committedThree(world);
      keep(world, n1, snapshotOf(2, 3));
      compact(world, n1, 3, 3);
    },
    says: 'n1 compacts its log up to entry 3, the snapshot on its disk covers 2',
  },
  {
    property: 'compactionCovered',
    what: 'a log begins behind an entry of another term than the committed one',
    legal(world) {
      committedThree(world);
      world.start('n2', { base: [1, 3], snapshot: snapshotOf(2, 3), entries: THREE.slice(1) });
    },
    broken(world) {
      committedThree(world);
      world.start('n2', { base: [1, 2], snapshot: snapshotOf(2, 3), entries: THREE.slice(1) });
    },
    says: 'n2 has its log behind entry 1 of term 2, where one of term 3 is committed',
  },
  {
    property: 'compactionCovered',
    what: 'a server starts with less of its log than the snapshot makes up for',
    legal(world) {
      committedThree(world);
      world.start('n2', { base: [2, 3], snapshot: snapshotOf(2, 3), entries: THREE.slice(2) });
    },
    broken(world) {
      committedThree(world);
      world.start('n2', { base: [2, 3], snapshot: snapshotOf(1, 3), entries: THREE.slice(2) });
    },
    says: 'n2 starts with a log behind entry 2, its snapshot covers 1',
  },
  {
    property: 'compactionCovered',
    what: 'a snapshot within the log takes the entries behind it away (figure 5.3, step 6)',
    legal(world) {
      committedThree(world);
      const n2 = world.start('n2', { entries: THREE });
      install(world, n2, snapshotOf(2, 3));
    },
    broken(world) {
      committedThree(world);
      const n2 = world.start('n2', { entries: THREE });
      n2.persistent.log.entries.pop();
      install(world, n2, snapshotOf(2, 3));
    },
    says: 'n2 compacts its log up to entry 2, which then ends with 2/3 in place of 3/3',
  },
  {
    property: 'compactionCovered',
    what: 'a snapshot replaces what the present leader was told of; of an earlier one it may',
    legal(world) {
      committedThree(world, 'n2');
      const n3 = world.start('n3', { entries: entriesOf([1, 2, 2, 2]) });
      world.sent('n3', 'n2', vouch(2, 4));
      n3.persistent.currentTerm = 3;
      install(world, n3, snapshotOf(3, 3));
      world.save(n3);
      world.start('n3', { snapshot: snapshotOf(3, 3), base: [3, 3] });
    },
    broken(world) {
      committedThree(world, 'n2');
      const n3 = world.start('n3', { entries: entriesOf([1, 2, 2, 2]), term: 3 });
      world.sent('n3', 'n1', vouch(3, 4));
      install(world, n3, snapshotOf(3, 3));
    },
    says:
      'n3 compacts its log up to entry 3, keeps nothing behind 3 ' +
      'and has vouched for 4 in term 3',
  },
  {
    property: 'leaderAppendOnly',
    what: 'a leader loses its log to a snapshot; one within the log it may install',
    legal(world) {
      const n1 = committedThree(world);
      install(world, n1, snapshotOf(2, 3));
    },
    broken(world) {
      committedThree(world, 'n2');
      const n3 = world.start('n3', { term: 1 });
      // It leads a term that others have left.
      world.elect(n3, 'n2');
      install(world, n3, snapshotOf(3, 3));
    },
    says: 'n3 leads and loses its log to a snapshot of 3',
  },
  // ---- What else must hold where a log does not begin at 1 --------------------------------------
  {
    property: 'monotonicLastApplied',
    what: 'a snapshot is installed that is behind the state machine',
    legal(world) {
      committedThree(world);
      const n2 = world.start('n2', { entries: THREE });
      world.saw(n2, append(n2, 'n1', { term: 3, prev: [1, 3], commit: 1 }));
      install(world, n2, snapshotOf(2, 3));
      // Applying goes on behind it.
      world.saw(n2, append(n2, 'n1', { term: 3, prev: [3, 3], commit: 3 }));
    },
    broken(world) {
      committedThree(world);
      const n2 = world.start('n2', { entries: THREE });
      world.saw(n2, append(n2, 'n1', { term: 3, prev: [3, 3], commit: 3 }));
      install(world, n2, snapshotOf(2, 3));
    },
    says: 'n2 installs a snapshot of entry 2 after applying 3',
  },
  {
    property: 'stateMachineSafety',
    what: 'a snapshot is installed of what the server does not take for committed',
    legal(world) {
      committedThree(world, 'n2');
      install(world, world.start('n3', { term: 3 }), snapshotOf(2, 3));
    },
    broken(world) {
      committedThree(world, 'n2');
      const n3 = world.start('n3', { term: 3 });
      const effect: Effect = { kind: 'install', snapshot: snapshotOf(2, 3) };
      world.saw(n3, [effect]);
    },
    says: 'n3 has applied entry 2, where 0 is committed as far as it knows',
  },
  {
    property: 'leaderCompleteness',
    what: 'a leader that has a snapshot has what it covers; what follows it may still lack',
    legal(world) {
      committedThree(world);
      world.elect(world.start('n2', { snapshot: snapshotOf(3, 3), base: [3, 3] }));
    },
    broken(world) {
      committedThree(world);
      world.elect(world.start('n2', { snapshot: snapshotOf(2, 3), base: [2, 3] }));
    },
    says: 'n2 leads term 4 with one of term 4 at 3, where one of term 3 is committed',
  },
  {
    property: 'logMatching',
    what: 'what follows a snapshot follows the entry that it covers',
    legal(world) {
      committedThree(world);
      world.start('n2', { snapshot: snapshotOf(2, 3), base: [2, 3], entries: entriesOf([3], 3) });
    },
    broken(world) {
      committedThree(world);
      const base = [2, 3] as const;
      const other = configured(3, 3, FOUR_VOTERS);
      world.start('n2', { snapshot: snapshotOf(2, 3), base, entries: [other] });
    },
    says: "entry 3 of term 3 on n2 differs from another's",
  },
  {
    property: 'logMatching',
    what: 'an entry follows one that nobody ever had',
    legal(world) {
      world.start('n2', { entries: entriesOf([1, 1]) });
    },
    broken(world) {
      world.start('n2', { entries: entriesOf([1], 2) });
    },
    says: 'entry 2 of term 1 on n2 follows entry 1 of term 0, unknown',
  },
  {
    property: 'committedIsDurable',
    what: 'a snapshot on a disk counts for what it covers, and its log not where it gives way',
    legal(world) {
      committedThree(world);
      const n2 = world.start('n2', { entries: THREE });
      const nowUs = world.elect(n2);
      const { entries } = n2.persistent.log;
      Object.assign(world.disk('n1'), { entries, snapshot: snapshotOf(3, 3) });
      world.commit(n2, nowUs, 'n1');
    },
    broken(world) {
      committedThree(world);
      const n2 = world.start('n2', { entries: THREE });
      const nowUs = world.elect(n2);
      // n1 would start from the snapshot alone: its log has another entry there.
      world.disk('n1').snapshot = snapshotOf(3, 2);
      world.commit(n2, nowUs, 'n1');
    },
    says: 'n2 commits entry 4, it is on 1 disks of 3',
  },
  {
    property: 'persistedBeforePromised',
    what: 'a snapshot is said to be installed that is not on the disk',
    legal(world) {
      committedThree(world, 'n2');
      const n3 = world.start('n3', { term: 3 });
      install(world, n3, snapshotOf(3, 3));
      world.sent('n3', 'n1', {
        kind: 'InstallSnapshotResponse',
        term: 3,
        status: 'installed',
        index: 3,
      });
      // Of a log that covers it, it may be said as well.
      world.disk('n2').currentTerm = 3;
      world.sent('n2', 'n1', {
        kind: 'InstallSnapshotResponse',
        term: 3,
        status: 'installed',
        index: 2,
      });
    },
    broken(world) {
      committedThree(world, 'n2');
      world.start('n3', { term: 3 });
      world.sent('n3', 'n1', {
        kind: 'InstallSnapshotResponse',
        term: 3,
        status: 'received',
        index: 3,
      });
      world.sent('n3', 'n1', {
        kind: 'InstallSnapshotResponse',
        term: 3,
        status: 'installed',
        index: 3,
      });
    },
    says: 'n3 vouches for entry 3, its disk has 0',
  },
  {
    property: 'acknowledgedLossRefused',
    what: 'a server starts from a snapshot behind what it has vouched for',
    legal(world) {
      committedThree(world);
      world.start('n2', { entries: THREE.slice(0, 2) });
      world.sent('n2', 'n1', vouch(3, 2));
      world.start('n2', { snapshot: snapshotOf(3, 3), base: [3, 3] });
    },
    broken(world) {
      committedThree(world);
      world.start('n2', { entries: THREE });
      world.sent('n2', 'n1', vouch(3, 3));
      world.start('n2', { snapshot: snapshotOf(2, 3), base: [2, 3] });
    },
    says: 'n2 starts with 2 entries and has vouched for 3',
  },
  {
    property: 'acknowledgedLossRefused',
    what: 'a snapshot may replace, at a start, a log that conflicts with it',
    legal(world) {
      committedThree(world, 'n2');
      world.start('n3', { entries: entriesOf([1, 2, 2, 2]) });
      world.sent('n3', 'n2', vouch(2, 4));
      world.start('n3', { snapshot: snapshotOf(3, 3), base: [3, 3] });
    },
    broken(world) {
      committedThree(world, 'n2');
      world.start('n3', { entries: entriesOf([1, 2, 2, 2]) });
      world.sent('n3', 'n2', vouch(2, 4));
      world.start('n3', { entries: entriesOf([1, 2, 2]) });
    },
    says: 'n3 starts with 3 entries and has vouched for 4',
  },
];
