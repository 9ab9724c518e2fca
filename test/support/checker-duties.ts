/**
 * What breaks each duty of one server: a step of the core, and what the checker is told of it. It
 * is told the truth where that is legal, and else something that a wrong core would have done.
 */
import { Duties } from '../../lab/checker/duties.ts';
import { nextDeadlineUs, step } from '../../src/raft/raft.ts';
import type {
  Answer,
  Effect,
  Entry,
  Input,
  Message,
  NodeId,
  RaftState,
  SnapshotMeta,
} from '../../src/raft/types.ts';
import { encodeCommand, entriesOf, type ServerOptions, server, simple } from '../raft/fixture.ts';
import type { Case } from './checker-world.ts';

type Part<T> = T extends Message ? Omit<T, 'from' | 'to'> : never;
/** Makes of what the core has done what it should not have done. */
type Wrong = (effects: Effect[], state: RaftState) => void;

const MS = 1000;

/** n1 of three, and the checker of its duties. */
class Watched {
  readonly state: RaftState;
  readonly duties: Duties;
  nowUs = 0;

  constructor(options: ServerOptions = {}, committed: readonly Entry[] = []) {
    this.state = server(options);
    this.duties = new Duties(() => committed);
    this.duties.started(this.state, 0);
  }

  /** `told`: what the checker is told to have come, if that is not what did. */
  take(input: Input, wrong: Wrong = () => {}, told: Input = input): void {
    this.nowUs = input.nowUs;
    const effects = step(this.state, input);
    wrong(effects, this.state);
    this.duties.stepped(told, effects, this.state);
  }

  hear(from: NodeId, part: Part<Message>, wrong?: Wrong, nowUs = this.nowUs): void {
    this.take({ kind: 'message', nowUs, message: messageOf(from, part) }, wrong);
  }

  timer(wrong?: Wrong): void {
    this.take({ kind: 'timer', nowUs: nextDeadlineUs(this.state) }, wrong);
  }

  /** Something that asks for nothing, so long after what came last. */
  wait(ms: number): void {
    this.take({ kind: 'persisted', sequence: 0, nowUs: this.nowUs + ms * MS });
  }

  persisted(): void {
    const { persistSequence } = this.state.volatile;
    this.take({ kind: 'persisted', sequence: persistSequence, nowUs: this.nowUs });
  }

  /** n2 would vote for it, does so, and holds its no-op, unless told otherwise. */
  lead({ commit = true, wrong }: { commit?: boolean; wrong?: Wrong } = {}): void {
    this.timer();
    this.hear('n2', preVoted(this.term));
    this.hear('n2', { kind: 'RequestVoteResponse', term: this.term, voteGranted: true }, wrong);
    if (!commit) return;
    this.persisted();
    this.hear('n2', this.matched(1));
  }

  get term(): number {
    return this.state.persistent.currentTerm;
  }

  matched(matchIndex: number, sentUs = this.nowUs): Part<Message> {
    const { role } = this.state;
    const readRound = role.kind === 'leader' ? role.readRound : 0;
    const head = { kind: 'AppendEntriesResponse', term: this.term, attempt: 0 } as const;
    return { ...head, sentUs, readRound, success: true, matchIndex };
  }

  /** n1 and n2 hold entries 1 and 2, and n1 has applied them; a snapshot of both is being taken. */
  takeSnapshot(): void {
    this.lead();
    this.take({ kind: 'propose', id: 1, command: encodeCommand('a'), nowUs: this.nowUs });
    this.persisted();
    this.hear('n2', this.matched(2));
    this.take({ kind: 'applied', index: 2, nowUs: this.nowUs });
    this.take({ kind: 'snapshotNow', nowUs: this.nowUs });
  }
}

function messageOf(from: NodeId, part: Part<Message>): Message {
  return { ...part, from, to: 'n1' } as Message;
}

function preVoted(term: number, voteGranted = true): Part<Message> {
  return { kind: 'PreVoteResponse', term, requestTerm: term, voteGranted };
}

function append(term: number, terms: readonly number[] = []): Part<Message> {
  const head = { kind: 'AppendEntries', term, prevLogIndex: 0, prevLogTerm: 0 } as const;
  const rest = { leaderCommit: 0, readRound: 0, attempt: 0, sentUs: 0, roundTripUs: 0 };
  return { ...head, ...rest, entries: entriesOf(terms) };
}

function chunk(offset: number, { index = 3, done = false } = {}): Part<Message> {
  const snapshot: SnapshotMeta = {
    index,
    term: 1,
    configuration: { index: 0, configuration: simple('n1', 'n2', 'n3') },
  };
  const head = { kind: 'InstallSnapshot', term: 1, snapshot, offset } as const;
  return { ...head, data: new Uint8Array(4), done, readRound: 0, sentUs: 0 };
}

const lateTimer: Wrong = (_effects, state) => {
  state.volatile.electionDeadlineUs++;
};

function answers(id: number, answer: Answer): Wrong {
  return (effects) => effects.push({ kind: 'answer', id, answer });
}

function sends(to: NodeId, part: Part<Message>, after: 'term' | 'log' = 'term'): Wrong {
  return (effects) => {
    const message = { ...part, from: 'n1', to } as Message;
    effects.push({ kind: 'send', message, after });
  };
}

function remove(effects: Effect[], unwanted: Effect['kind']): void {
  effects.splice(0, effects.length, ...effects.filter(({ kind }) => kind !== unwanted));
}

/** The same effects, with their sends in another form. */
function resent(change: (sent: Effect & { kind: 'send' }) => Effect): Wrong {
  return (effects) => {
    effects.forEach((effect, i) => {
      if (effect.kind === 'send') effects[i] = change(effect);
    });
  };
}

const granting = resent((sent) => {
  return { ...sent, message: { ...sent.message, voteGranted: true } as Message };
});

type Does = (watched: Watched, isWrong: boolean) => void;

/** The same steps twice; the second time with something wrong. */
function duty(
  property: Case['property'],
  what: string,
  says: string,
  does: Does,
  options: ServerOptions = {},
  committed: readonly Entry[] = [],
): Case {
  return {
    property,
    what,
    legal: () => does(new Watched(options, committed), false),
    broken: () => does(new Watched(options, committed), true),
    says,
  };
}

const RULES: readonly Case[] = [
  duty(
    'staleTermRefused',
    'entries of an earlier term put off an election',
    'n1 changes its election timer for AppendEntries of term 1 from n2, in term 2',
    (n1, isWrong) => n1.hear('n2', append(1), isWrong ? lateTimer : undefined),
    { term: 2 },
  ),
  duty(
    'laterTermTaken',
    'the vote of the term before counts in the next one',
    'n1 votes for n3 in term 5, which nobody asked',
    (n1, isWrong) => {
      n1.hear('n2', preVoted(5), (_effects, { persistent }) => {
        if (isWrong) persistent.votedFor = 'n3';
      });
    },
    { term: 4, vote: 'n3' },
  ),
  duty(
    'leaderFollowed',
    'a follower takes entries and does not know who leads',
    'n1 is a follower of term 1 that follows nobody after AppendEntries of n2',
    (n1, isWrong) => {
      n1.hear('n2', append(1), (_effects, { volatile }) => {
        if (isWrong) volatile.leaderId = null;
      });
    },
  ),
  duty(
    'voteRules',
    'a vote is granted right after the leader was heard',
    'n1 grants RequestVote of n3 in term 1',
    (n1, isWrong) => {
      n1.hear('n2', append(1));
      const asks = { kind: 'RequestVote', lastLogIndex: 0, lastLogTerm: 0 } as const;
      const part = { ...asks, term: 1, leadershipTransfer: false };
      n1.hear('n3', part, isWrong ? granting : undefined, 149 * MS);
    },
  ),
  duty(
    'preVoteChangesNothing',
    'a pre-vote puts off an election',
    'n1 changes its election timer for PreVote of n3 in term 0',
    (n1, isWrong) => {
      const asks = { kind: 'PreVote', lastLogIndex: 0, lastLogTerm: 0 } as const;
      n1.hear('n3', { ...asks, term: 0 }, isWrong ? lateTimer : undefined);
    },
  ),
  duty(
    'candidacy',
    'a candidate whom nobody else would vote for',
    'n1 campaigns in term 1, for which only n1 would vote',
    (n1, isWrong) => {
      n1.timer();
      const { nowUs } = n1;
      const input = (granted: boolean): Input => {
        return { kind: 'message', nowUs, message: messageOf('n2', preVoted(0, granted)) };
      };
      n1.take(input(true), undefined, input(!isWrong));
    },
  ),
  duty(
    'electionTimer',
    'the leader is heard and the timeout is shorter than any',
    'n1 has 1 ms left of 150 to 300 ms after AppendEntries',
    (n1, isWrong) => {
      n1.hear('n2', append(1), (_effects, { volatile }) => {
        if (isWrong) volatile.electionDeadlineUs = 1 * MS;
      });
    },
  ),
  duty(
    'electionTimeoutsSpread',
    'a timeout is drawn once for all',
    'n1 has drawn 64 election timeouts in a row from the lower half',
    (n1, isWrong) => {
      for (let i = 0; i < 64; i++) {
        n1.hear('n2', append(1), (_effects, { volatile }) => {
          if (isWrong) volatile.electionDeadlineUs = 160 * MS;
        });
      }
    },
  ),
  duty(
    'electionStarts',
    'a follower hears of other things and starts no election',
    'n1 starts no election 5 ms after its timeout',
    (n1, isWrong) => {
      n1.nowUs = nextDeadlineUs(n1.state);
      if (!isWrong) n1.timer();
      n1.wait(5);
      n1.wait(1);
    },
  ),
  duty(
    'chunksInOrder',
    'the first chunk is kept behind a gap',
    'n1 keeps another chunk than came: a chunk at 0 of the snapshot of 3 from n2',
    (n1, isWrong) => {
      n1.hear('n2', chunk(0), (effects) => {
        effects.forEach((effect, i) => {
          if (isWrong && effect.kind === 'receiveChunk') effects[i] = { ...effect, offset: 4 };
        });
      });
      n1.hear('n2', chunk(4));
    },
  ),
  duty(
    'chunksInOrder',
    'a chunk that follows on is dropped',
    'n1 drops a chunk at 4 of the snapshot of 3 from n2, where 4 was due',
    (n1, isWrong) => {
      n1.hear('n2', chunk(0));
      n1.hear('n2', chunk(4), (effects) => {
        if (isWrong) remove(effects, 'receiveChunk');
      });
    },
  ),
  duty(
    'chunksInOrder',
    'a later snapshot of the same leader is not begun',
    'n1 receives that of 3 after a chunk at 0 of the snapshot of 5 from n2',
    (n1, isWrong) => {
      n1.hear('n2', chunk(0));
      const { receiving } = n1.state.volatile;
      n1.hear('n2', chunk(0, { index: 5 }), (_effects, { volatile }) => {
        if (isWrong) volatile.receiving = receiving;
      });
    },
  ),
  duty(
    'chunksInOrder',
    'who led before hears that its snapshot is installed',
    'n1 answers installed to the last chunk of the snapshot of 3, not nothing',
    (n1, isWrong) => {
      n1.hear('n2', chunk(0, { done: true }));
      n1.hear('n3', append(2));
      const { snapshot } = chunk(0) as { snapshot: SnapshotMeta };
      const head = { kind: 'InstallSnapshotResponse', term: 2, index: 3, readRound: 0 } as const;
      const told = sends('n2', { ...head, sentUs: -1, status: 'installed' }, 'log');
      n1.take({ kind: 'snapshotReceived', snapshot, nowUs: n1.nowUs }, isWrong ? told : undefined);
    },
  ),
  duty(
    'waitsForDisk',
    'entries are acknowledged before they are written',
    'n1 sends AppendEntriesResponse to n2 after the term is durable, not the log',
    (n1, isWrong) => {
      const early = resent((sent) => ({ ...sent, after: 'term' }));
      n1.hear('n2', append(1, [1]), isWrong ? early : undefined);
    },
  ),
];

const LEADERS: readonly Case[] = [
  duty(
    'heartbeats',
    'a leader is busy with other things',
    'n1 leads and has sent n2 nothing for 60 ms',
    (n1, isWrong) => {
      n1.lead();
      if (!isWrong) n1.timer();
      n1.wait(isWrong ? 60 : 10);
      n1.wait(1);
    },
  ),
  duty(
    'noOpFirst',
    'a leader begins with nothing',
    'n1 begins its term 1 with no entry',
    (n1, isWrong) => {
      const without: Wrong = (effects) => remove(effects, 'persist');
      n1.lead({ commit: false, ...(isWrong ? { wrong: without } : {}) });
    },
  ),
  duty(
    'majorityCommits',
    'a leader leaves for later what a majority holds',
    'n1 does not commit entry 1, which a majority holds',
    (n1, isWrong) => {
      n1.lead({ commit: false });
      n1.persisted();
      n1.hear('n2', n1.matched(1), (_effects, { volatile }) => {
        if (isWrong) volatile.commitIndex = 0;
      });
    },
  ),
  duty(
    'checkQuorum',
    'a leader gives up though a majority has just answered',
    'n1 steps down in term 1 and has heard a majority within 150 ms',
    (n1, isWrong) => {
      n1.lead();
      const electedUs = n1.nowUs;
      while (n1.state.role.kind === 'leader') {
        n1.timer();
        if (!isWrong || n1.nowUs !== electedUs + 250 * MS) continue;
        const message = messageOf('n2', n1.matched(1));
        n1.duties.stepped({ kind: 'message', nowUs: n1.nowUs, message }, [], n1.state);
      }
    },
  ),
  duty(
    'removedLeaderStepsDown',
    'a leader goes on when its removal has committed',
    'n1 leads on, and entry 2 has removed it',
    (n1, isWrong) => {
      n1.lead();
      const membership = { voters: ['n2', 'n3'], learners: [] };
      n1.take({ kind: 'configure', id: 1, membership, catchUp: false, nowUs: n1.nowUs });
      n1.hear('n2', n1.matched(2));
      const { role, volatile } = n1.state;
      const { electionDeadlineUs } = volatile;
      n1.hear('n3', n1.matched(2), (_effects, state) => {
        if (isWrong) state.role = role;
        if (isWrong) state.volatile.electionDeadlineUs = electionDeadlineUs;
      });
    },
  ),
  duty(
    'caughtUpFirst',
    'new voters catch up though nobody asked for that',
    'n1 has new voters catch up, which nobody has asked for',
    (n1, isWrong) => {
      n1.lead();
      const membership = { voters: ['n1', 'n2', 'n3', 'n4'], learners: [] };
      const told = { kind: 'configure', id: 1, membership, nowUs: n1.nowUs } as const;
      n1.take({ ...told, catchUp: isWrong }, undefined, { ...told, catchUp: false });
    },
  ),
  duty(
    'caughtUpFirst',
    'a learner becomes a voter before it has anything',
    'n1 makes n4 a voter, which has 0 of 2 entries, and answered 0 ms before',
    (n1, isWrong) => {
      n1.lead();
      const membership = { voters: ['n1', 'n2', 'n3', 'n4'], learners: [] };
      n1.take({ kind: 'configure', id: 1, membership, catchUp: true, nowUs: n1.nowUs });
      n1.persisted();
      n1.hear('n2', n1.matched(2));
      n1.hear('n4', n1.matched(2), (_effects, { role }) => {
        const progress = role.kind === 'leader' ? role.progress : [];
        const n4 = progress.find(({ id }) => id === 'n4');
        if (isWrong && n4 !== undefined) n4.matchIndex = 0;
      });
    },
  ),
  duty(
    'sentToMembers',
    'a leader sends entries to who does not belong',
    'n1 sends AppendEntries to n9, to whom it owes nothing',
    (n1, isWrong) => {
      n1.lead();
      n1.timer(isWrong ? sends('n9', append(1)) : undefined);
    },
  ),
  duty(
    'transferComplete',
    'who lacks entries is told to lead',
    'n1 tells n3 to start an election, which has 0 of 1 entries',
    (n1, isWrong) => {
      n1.lead();
      const calls = sends('n3', { kind: 'TimeoutNow', term: 1 });
      n1.take({ kind: 'transfer', id: 1, to: 'n3', nowUs: n1.nowUs }, isWrong ? calls : undefined);
    },
  ),
  duty(
    'transferStops',
    'a leader that hands over takes a command',
    'n1 answers #2 (propose) while it hands over to n3',
    (n1, isWrong) => {
      n1.lead();
      n1.take({ kind: 'transfer', id: 1, to: 'n3', nowUs: n1.nowUs });
      const command = encodeCommand('a');
      n1.take({ kind: 'propose', id: 2, command, nowUs: n1.nowUs }, (effects) => {
        const answer = { kind: 'accepted', index: 2, term: 1 } as const;
        if (isWrong) effects.splice(0, 1, { kind: 'answer', id: 2, answer });
      });
    },
  ),
  duty(
    'transferEnds',
    'a transfer has no end',
    'n1 still hands over to n3 5 ms after its deadline',
    (n1, isWrong) => {
      n1.lead();
      n1.take({ kind: 'transfer', id: 1, to: 'n3', nowUs: n1.nowUs });
      const deadlineUs = n1.nowUs + 300 * MS;
      while (n1.nowUs + 50 * MS < deadlineUs) {
        n1.timer();
        n1.hear('n2', n1.matched(1));
      }
      while (!isWrong && n1.nowUs < deadlineUs) n1.timer();
      n1.wait((deadlineUs - n1.nowUs) / MS + 5);
      n1.wait(1);
    },
  ),
];

const ASKED: readonly Case[] = [
  duty(
    'answeredOnce',
    'a command is answered twice',
    'n1 answers #1, which is not asked or answered already',
    (n1, isWrong) => {
      n1.lead();
      const again = answers(1, { kind: 'accepted', index: 2, term: 1 });
      const command = encodeCommand('a');
      const input = { kind: 'propose', id: 1, command, nowUs: n1.nowUs } as const;
      n1.take(input, isWrong ? again : undefined);
    },
  ),
  duty(
    'answerHolds',
    'a transfer is done while the leader leads on',
    'n1 answers #1 (transfer) as done, where n1 leads',
    (n1, isWrong) => {
      n1.lead();
      const input = { kind: 'transfer', id: 1, to: 'n2', nowUs: n1.nowUs } as const;
      n1.take(input, isWrong ? answers(1, { kind: 'done' }) : undefined);
    },
  ),
  duty(
    'readConfirmed',
    'a read is answered at once',
    'n1 answers #1 (read), and no majority has confirmed its lead since',
    (n1, isWrong) => {
      n1.lead();
      n1.wait(1);
      const input = { kind: 'read', id: 1, mode: 'readIndex', nowUs: n1.nowUs } as const;
      n1.take(input, isWrong ? answers(1, { kind: 'readable', index: 1 }) : undefined);
      n1.hear('n2', n1.matched(1));
    },
  ),
  duty(
    'flowControl',
    'a chunk is larger than it may be',
    'n1 sends n2 4 bytes of a snapshot at once',
    (n1, isWrong) => {
      const message = { ...chunk(0), from: 'n1', to: 'n2' } as Message;
      n1.duties.sent(message, isWrong ? 3 : 4);
    },
  ),
  duty(
    'snapshotWhenDue',
    'a snapshot is taken after one entry',
    'n1 takes a snapshot for applied, after 1 entries of 16 bytes',
    (n1, isWrong) => {
      n1.lead();
      n1.take({ kind: 'applied', index: 1, nowUs: n1.nowUs }, (effects) => {
        if (isWrong) effects.push({ kind: 'takeSnapshot' });
      });
    },
    {},
    [{ kind: 'noop', index: 1, term: 1 }],
  ),
  duty(
    'logKept',
    'a log is cut where it is to be kept',
    'n1 has its log behind entry 2, where it is to begin behind 1',
    (n1, isWrong) => {
      n1.takeSnapshot();
      n1.take({ kind: 'snapshotSaved', index: 2, nowUs: n1.nowUs }, (_effects, { settings }) => {
        if (isWrong) Object.assign(settings, { keptEntries: 1 });
      });
    },
    { settings: { keptEntries: 0 } },
    entriesOf([1, 1]),
  ),
  duty(
    'logKept',
    'the configuration of a snapshot stands in the log twice',
    'n1 has a configuration of entry 0 behind that of 0',
    (n1, isWrong) => {
      n1.takeSnapshot();
      n1.take({ kind: 'snapshotSaved', index: 2, nowUs: n1.nowUs }, (_effects, { persistent }) => {
        const { log } = persistent;
        if (isWrong) log.configurations = [...log.configurations, ...log.configurations];
      });
    },
    { settings: { keptEntries: 0 } },
    entriesOf([1, 1]),
  ),
  duty(
    'snapshotWhereNeeded',
    'a follower that has all is sent a snapshot',
    'n1 begins to send n2 a snapshot, has 2 and holds all entries behind 2',
    (n1, isWrong) => {
      n1.takeSnapshot();
      n1.take({ kind: 'snapshotSaved', index: 2, nowUs: n1.nowUs });
      const { snapshot } = n1.state.persistent;
      if (snapshot === null) throw new Error('no snapshot was taken');
      const part = { ...chunk(0), snapshot } as Part<Message>;
      n1.timer(isWrong ? sends('n2', part) : undefined);
    },
    { settings: { keptEntries: 0 } },
    entriesOf([1, 1]),
  ),
];

export const DUTY_CASES: readonly Case[] = [...RULES, ...LEADERS, ...ASKED];
