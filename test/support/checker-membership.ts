/** Cases of the checker: majorities while the membership changes, wiped servers, leases. */
import type { Configuration, Effect, Entry, NodeId, RaftState } from '../../src/raft/types.ts';
import { acknowledge, persistAll, simple } from '../raft/fixture.ts';
import {
  type Case,
  committed,
  configured,
  NOOP,
  persist,
  vouch,
  type World,
} from './checker-world.ts';

/** While `committed` runs: after its election, before its leader's quorum check. */
const SOON_US = 400_000;

/** A leader of term 3 appends this configuration as entry `index`, whatever the core thinks. */
function change(
  world: World,
  leader: RaftState,
  index: number,
  configuration: Configuration,
): void {
  const entry = configured(index, leader.persistent.currentTerm, configuration);
  leader.persistent.log.entries.push(entry);
  world.saw(leader, [persist({ entries: [entry] })]);
}

const joint = (voters: readonly NodeId[], outgoing: readonly NodeId[]): Configuration => {
  return { voters, outgoing, learners: [] };
};
const OLD = ['n1', 'n2', 'n3'];
const NEW = ['n1', 'n4', 'n5'];

/** n1 leads and has committed the joint configuration of OLD and NEW as entry 2. */
function committedJoint(world: World): RaftState {
  const n1 = committed(world);
  world.disk('n4');
  change(world, n1, 2, joint(NEW, OLD));
  for (const id of ['n1', 'n2', 'n4']) world.disk(id).entries = n1.persistent.log.entries.slice();
  n1.volatile.commitIndex = 2;
  world.saw(n1);
  return n1;
}

const READABLE: Effect = { kind: 'answer', id: 7, answer: { kind: 'readable', index: 1 } };

const FIVE: Entry = configured(1, 1, simple('n1', 'n2', 'n3', 'n4', 'n5'));

export const MEMBERSHIP_CASES: readonly Case[] = [
  {
    property: 'electedByMajority',
    what: 'the latest configuration in the log counts, committed or not',
    legal(world) {
      const n1 = world.start('n1', { entries: [FIVE] });
      world.vote('n2', n1);
      world.elect(n1);
    },
    broken(world) {
      world.elect(world.start('n1', { entries: [FIVE] }));
    },
    says: 'n1 leads term 2 with the votes of n1, n3 alone',
  },
  {
    property: 'electedByMajority',
    what: 'learners and strangers do not count',
    legal(world) {
      const listening = { voters: OLD, outgoing: [], learners: ['n4'] };
      world.elect(world.start('n1', { entries: [configured(1, 1, listening)] }), 'n2');
    },
    broken(world) {
      const listening = { voters: OLD, outgoing: [], learners: ['n4'] };
      const n1 = world.start('n1', { entries: [configured(1, 1, listening)] });
      world.vote('n5', n1);
      world.elect(n1, 'n4');
    },
    says: 'n1 leads term 2 with the votes of n1, n5, n4 alone',
  },
  {
    property: 'electedByMajority',
    what: 'a joint configuration needs a majority of both',
    legal(world) {
      const n1 = world.start('n1', { entries: [configured(1, 1, joint(OLD, NEW))] });
      world.vote('n4', n1);
      n1.persistent.log.configurations = [{ index: 0, configuration: simple(...OLD) }];
      world.elect(n1);
    },
    broken(world) {
      const n1 = world.start('n1', { entries: [configured(1, 1, joint(OLD, NEW))] });
      // The core forgets the half that goes.
      n1.persistent.log.configurations = [{ index: 0, configuration: simple(...OLD) }];
      world.elect(n1);
    },
    says: 'n1 leads term 2 with the votes of n1, n3 alone',
  },
  {
    property: 'committedIsDurable',
    what: 'a joint configuration needs the disks of both halves',
    legal(world) {
      const n1 = committed(world);
      world.configure(n1, SOON_US, ...NEW);
      world.commit(n1, SOON_US, 'n2', 'n4');
    },
    broken(world) {
      const n1 = committed(world);
      world.configure(n1, SOON_US, ...NEW);
      world.saw(n1, persistAll(n1, SOON_US));
      world.save(n1);
      world.disk('n4').entries = n1.persistent.log.entries.slice();
      world.saw(n1, acknowledge(n1, 'n4', 2, SOON_US));
      world.saw(n1, acknowledge(n1, 'n2', 2, SOON_US));
    },
    says: 'n1 commits entry 2, it is on 2 disks of 3, and on 1 of 3 outgoing',
  },
  {
    property: 'committedIsDurable',
    what: 'a voter that does not exist yet holds nothing',
    legal(world) {
      const n1 = committed(world);
      world.configure(n1, SOON_US, ...OLD, 'n4');
      world.commit(n1, SOON_US, 'n2', 'n4');
    },
    broken(world) {
      const n1 = committed(world);
      world.configure(n1, SOON_US, ...OLD, 'n4');
      world.saw(n1, acknowledge(n1, 'n4', 2, SOON_US));
      world.commit(n1, SOON_US, 'n2');
    },
    says: 'n1 commits entry 2, it is on 2 disks of 4',
  },
  {
    property: 'committedIsDurable',
    what: 'a wiped server, which votes no more, counts for what it has told, not for what it has',
    legal(world) {
      const n1 = world.start('n1', { term: 2 });
      const nowUs = world.elect(n1);
      Object.assign(world.disk('n2'), { currentTerm: 3, entries: [NOOP] });
      world.sent('n2', 'n1', vouch(3, 1));
      world.checker.wiped('n2');
      world.disk('n2').entries = [];
      world.saw(n1, persistAll(n1, nowUs));
      world.save(n1);
      world.saw(n1, acknowledge(n1, 'n2', 1, nowUs));
    },
    broken(world) {
      const n1 = world.start('n1', { term: 2 });
      const nowUs = world.elect(n1);
      world.checker.wiped('n2');
      // What its successor has counts under that name.
      world.commit(n1, nowUs, 'n2');
    },
    says: 'n1 commits entry 1, it is on 1 disks of 3',
  },
  {
    property: 'commitFromLeader',
    what: 'a leader that its own entry removes commits that and steps down in one step',
    legal(world) {
      const n1 = committed(world);
      world.configure(n1, SOON_US, 'n2', 'n3');
      world.commit(n1, SOON_US, 'n2', 'n3');
      if (n1.role.kind !== 'follower' || world.checker.committedIndex !== 2) {
        throw new Error('n1 has not stepped down with the commitment');
      }
    },
    broken(world) {
      const n1 = committed(world);
      world.configure(n1, SOON_US, 'n2', 'n3');
      n1.role = { kind: 'follower', reason: 'a later term' };
      n1.persistent.currentTerm = 4;
      n1.persistent.votedFor = null;
      n1.volatile.commitIndex = 2;
      world.saw(n1);
    },
    says: 'n1 takes entry 2 for committed, leaders have committed 1',
  },
  {
    property: 'oneChangeAtATime',
    what: 'a change before the one before it is committed',
    legal(world) {
      const n1 = committed(world);
      world.configure(n1, SOON_US, ...OLD, 'n4');
      world.commit(n1, SOON_US, 'n2', 'n4');
      world.configure(n1, SOON_US, ...OLD, 'n4', 'n5');
    },
    broken(world) {
      const n1 = committed(world);
      world.configure(n1, SOON_US, ...OLD, 'n4');
      change(world, n1, 3, simple(...OLD, 'n4', 'n5'));
    },
    says: 'n1 changes the configuration with entry 3, where that of entry 2 is not committed',
  },
  {
    property: 'oneChangeAtATime',
    what: 'a change before an entry of the own term is committed',
    legal(world) {
      committed(world);
      const n2 = world.start('n2', { entries: [NOOP] });
      const nowUs = world.elect(n2);
      world.commit(n2, nowUs, 'n1');
      world.configure(n2, nowUs, ...OLD, 'n4');
    },
    broken(world) {
      committed(world);
      const n2 = world.start('n2', { entries: [NOOP] });
      world.elect(n2);
      n2.volatile.commitIndex = 1;
      change(world, n2, 3, simple(...OLD, 'n4'));
    },
    says: 'n2 changes the configuration with entry 3, where nothing of its term 4 is committed',
  },
  {
    property: 'oneChangeAtATime',
    what: 'two voters at once; a voter and any number of learners are legal',
    legal(world) {
      const n1 = committed(world);
      change(world, n1, 2, { voters: ['n1', 'n2'], outgoing: [], learners: ['n3', 'n4', 'n5'] });
    },
    broken(world) {
      change(world, committed(world), 2, simple('n1', 'n2', 'n4'));
    },
    says:
      'n1 changes the configuration with entry 2 from n1 n2 n3 to n1 n2 n4: ' +
      '2 voters come or go at once',
  },
  {
    property: 'oneChangeAtATime',
    what: 'a joint configuration that forgets a voter there was',
    legal(world) {
      change(world, committed(world), 2, joint(NEW, ['n3', 'n2', 'n1']));
    },
    broken(world) {
      change(world, committed(world), 2, joint(NEW, ['n1', 'n2']));
    },
    says:
      'n1 changes the configuration with entry 2 from n1 n2 n3 to n1 n4 n5 ' +
      'with n1 n2 outgoing: a joint configuration must begin with all voters there were',
  },
  {
    property: 'oneChangeAtATime',
    what: 'a joint configuration that ends in other voters than its new ones',
    legal(world) {
      change(world, committedJoint(world), 3, { ...simple(...NEW), learners: ['n2'] });
    },
    broken(world) {
      change(world, committedJoint(world), 3, simple(...OLD));
    },
    says:
      'n1 changes the configuration with entry 3 from n1 n4 n5 with n1 n2 n3 outgoing ' +
      'to n1 n2 n3: a joint configuration must end in its own new voters',
  },
  {
    property: 'oneChangeAtATime',
    what: 'a joint configuration of an earlier term may be ended at once',
    legal(world) {
      const { entries } = committedJoint(world).persistent.log;
      const n4 = world.start('n4', { entries });
      for (const id of ['n2', 'n5']) world.vote(id, n4);
      n4.persistent.log.configurations = [{ index: 0, configuration: simple('n2', 'n4', 'n5') }];
      world.elect(n4, 'n1');
      n4.volatile.commitIndex = 2;
      change(world, n4, 4, simple(...NEW));
    },
    broken(world) {
      const n1 = committed(world);
      change(world, n1, 2, joint(NEW, OLD));
      change(world, n1, 3, simple(...NEW));
    },
    says: 'n1 changes the configuration with entry 3, where that of entry 2 is not committed',
  },
  {
    property: 'oneChangeAtATime',
    what: 'the last voter goes',
    legal(world) {
      change(world, committed(world), 2, simple('n1', 'n3'));
    },
    broken(world) {
      change(world, committed(world), 2, { voters: [], outgoing: [], learners: OLD });
    },
    says:
      'n1 changes the configuration with entry 2 from n1 n2 n3 to nobody ' +
      'and n1 n2 n3 learning: nobody votes',
  },
  {
    property: 'identity',
    what: 'a wiped server speaks under its former name; under a new one it may',
    legal(world) {
      Object.assign(world.disk('n3'), { currentTerm: 2 });
      world.sent('n3', 'n1', vouch(2, 0));
      world.checker.wiped('n3');
      world.disks.delete('n3');
      world.start('n3#2', { term: 1 });
      world.sent('n3#2', 'n1', vouch(1, 0));
    },
    broken(world) {
      world.checker.wiped('n3');
      world.disks.delete('n3');
      world.sent('n3', 'n1', vouch(0, 0));
    },
    says: 'n3 sends AppendEntriesResponse to n1, its disk was wiped',
  },
  {
    property: 'lease',
    what: 'a read by the lease where another was elected later; after a round of heartbeats it may',
    legal(world) {
      const n1 = world.start('n1', { term: 2, settings: { clockDriftPpm: 0 } });
      world.elect(n1, 'n2');
      world.saw(n1, [READABLE]);
      world.elect(world.start('n3', { term: 3 }), 'n2');
      if (n1.role.kind === 'leader') n1.role.confirmedRound = 1;
      world.saw(n1, [READABLE]);
    },
    broken(world) {
      const n1 = world.start('n1', { term: 2, settings: { clockDriftPpm: 0 } });
      world.elect(n1, 'n2');
      world.elect(world.start('n3', { term: 3 }), 'n2');
      world.saw(n1, [READABLE]);
    },
    says: 'n1 of term 3 answers a read by its lease, where n3 was elected in term 4',
  },
];
