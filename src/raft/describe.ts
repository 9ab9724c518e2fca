/**
 * One line of text for everything the core speaks of: logs, golden scripts, traces and errors use
 * it.
 */
import { lastIndex, lastTerm, latestConfiguration } from './log.ts';
import {
  type Answer,
  type AppendEntries,
  type AppendEntriesResponse,
  type Configuration,
  type Effect,
  type Entry,
  type Input,
  type InstallSnapshot,
  type InstallSnapshotResponse,
  type Message,
  type PersistChange,
  type RaftState,
  type SnapshotMeta,
  unreachable,
} from './types.ts';

/** How a command reads; the core does not know, so the host may say. */
export type DescribeCommand = (command: Uint8Array) => string;

const byLength: DescribeCommand = (command) => `${command.byteLength}B`;

/** For example `1->2 AppendEntries term=1 prev=11/1 entries=[12/1 put x] commit=11`. */
export function describeMessage(message: Message, command: DescribeCommand = byLength): string {
  const head = `${message.from}->${message.to} ${message.kind} term=${message.term}`;
  switch (message.kind) {
    case 'PreVote':
      return `${head} last=${message.lastLogIndex}/${message.lastLogTerm}`;
    case 'RequestVote': {
      const transfer = message.leadershipTransfer ? ' transfer' : '';
      return `${head} last=${message.lastLogIndex}/${message.lastLogTerm}${transfer}`;
    }
    case 'PreVoteResponse':
      return `${head} for=${message.requestTerm} ${granted(message.voteGranted)}`;
    case 'RequestVoteResponse':
      return `${head} ${granted(message.voteGranted)}`;
    case 'AppendEntries': {
      const entries = message.entries.map((entry) => describeEntry(entry, command)).join(', ');
      const list = entries === '' ? '' : ` entries=[${entries}]`;
      return (
        `${head} prev=${message.prevLogIndex}/${message.prevLogTerm}${list}` +
        ` commit=${message.leaderCommit}${pipeline(message)}`
      );
    }
    case 'AppendEntriesResponse':
      return message.success
        ? `${head} match=${message.matchIndex}${pipeline(message)}`
        : `${head} refused prev=${message.prevLogIndex}` +
            ` hint=${message.hintIndex}/${message.hintTerm}${pipeline(message)}`;
    case 'InstallSnapshot': {
      const asks = message.data.byteLength === 0 && !message.done;
      const what = asks ? 'asks' : describeChunk(message);
      return `${head} ${describeSnapshot(message.snapshot)} ${what}${round(message)}`;
    }
    case 'InstallSnapshotResponse':
      return `${head} index=${message.index} ${progressOf(message)}${round(message)}`;
    case 'TimeoutNow':
      return head;
    case 'ReadIndex':
      return `${head} nonce=${message.nonce} read=${message.readId}`;
    case 'ReadIndexResponse': {
      const index = message.index === null ? 'refused' : `index=${message.index}`;
      return `${head} nonce=${message.nonce} read=${message.readId} ${index}`;
    }
    default:
      return unreachable(message);
  }
}

function granted(voteGranted: boolean): string {
  return voteGranted ? 'granted' : 'refused';
}

function round({ readRound }: { readonly readRound: number }): string {
  return readRound === 0 ? '' : ` round=${readRound}`;
}

function pipeline(message: AppendEntries | AppendEntriesResponse): string {
  const { attempt } = message;
  return `${round(message)}${attempt === 0 ? '' : ` attempt=${attempt}`}`;
}

function progressOf(response: InstallSnapshotResponse): string {
  const { status } = response;
  return status === 'receiving' ? `receiving offset=${response.offset}` : status;
}

function describeSnapshot({ index, term }: SnapshotMeta): string {
  return `last=${index}/${term}`;
}

type Chunk = Pick<InstallSnapshot, 'offset' | 'data' | 'done'>;

function describeChunk({ offset, data, done }: Chunk): string {
  return `offset=${offset} ${data.byteLength}B${done ? ' done' : ''}`;
}

export function describeEntry(entry: Entry, command: DescribeCommand = byLength): string {
  const head = `${entry.index}/${entry.term}`;
  switch (entry.kind) {
    case 'noop':
      return `${head} noop`;
    case 'command':
      return `${head} ${command(entry.command)}`;
    case 'configuration':
      return `${head} ${describeConfiguration(entry.configuration)}`;
    default:
      return unreachable(entry);
  }
}

export function describeConfiguration(configuration: Configuration): string {
  const { voters, outgoing, learners } = configuration;
  const joint = outgoing.length === 0 ? '' : `&(${outgoing.join(' ')})`;
  const learning = learners.length === 0 ? '' : ` learners=(${learners.join(' ')})`;
  return `voters=(${voters.join(' ')})${joint}${learning}`;
}

export function describeInput(input: Input, command: DescribeCommand = byLength): string {
  switch (input.kind) {
    case 'message':
      return `receive ${describeMessage(input.message, command)}`;
    case 'timer':
      return 'timer';
    case 'propose':
      return `propose #${input.id} ${command(input.command)}`;
    case 'read':
      return `read #${input.id} ${input.mode}`;
    case 'persisted':
      return `persisted ${input.sequence}`;
    case 'applied':
      return `applied ${input.index}`;
    case 'snapshotSaved':
      return `snapshotSaved ${input.index}`;
    case 'snapshotNow':
      return 'snapshotNow';
    case 'snapshotReceived':
      return `snapshotReceived ${describeSnapshot(input.snapshot)}`;
    case 'snapshotRefused':
      return `snapshotRefused ${describeSnapshot(input.snapshot)}`;
    case 'configure': {
      const members = describeConfiguration({ ...input.membership, outgoing: [] });
      return `configure #${input.id} ${members}${input.catchUp ? ' catchUp' : ''}`;
    }
    case 'transfer':
      return `transfer #${input.id} to=${input.to}`;
    default:
      return unreachable(input);
  }
}

export function describeEffect(effect: Effect, command: DescribeCommand = byLength): string {
  switch (effect.kind) {
    case 'send':
      return `send ${describeMessage(effect.message, command)} after=${effect.after}`;
    case 'persist':
      return `persist ${effect.sequence} ${describeChange(effect.change, command)}`;
    case 'apply':
      return `apply [${effect.entries.map((entry) => describeEntry(entry, command)).join(', ')}]`;
    case 'takeSnapshot':
      return 'takeSnapshot';
    case 'sendChunk': {
      // The bytes are the host's to add: the message has none yet.
      const { from, to, term, snapshot, offset } = effect.message;
      const head = `sendChunk ${from}->${to} term=${term}`;
      return `${head} ${describeSnapshot(snapshot)} offset=${offset}${round(effect.message)}`;
    }
    case 'receiveChunk':
      return `receiveChunk ${describeSnapshot(effect.snapshot)} ${describeChunk(effect)}`;
    case 'install': {
      const { configuration } = effect.snapshot.configuration;
      const members = describeConfiguration(configuration);
      return `install ${describeSnapshot(effect.snapshot)} ${members}`;
    }
    case 'answer':
      return `answer #${effect.id} ${describeAnswer(effect.answer)}`;
    default:
      return unreachable(effect);
  }
}

function describeChange(change: PersistChange, command: DescribeCommand): string {
  const parts: string[] = [];
  const { termAndVote, truncateFrom, entries, compactTo } = change;
  if (termAndVote !== null) {
    parts.push(`term=${termAndVote.currentTerm} vote=${termAndVote.votedFor ?? 'none'}`);
  }
  if (truncateFrom !== null) parts.push(`truncateFrom=${truncateFrom}`);
  if (entries.length > 0) {
    parts.push(`entries=[${entries.map((entry) => describeEntry(entry, command)).join(', ')}]`);
  }
  if (compactTo !== null) parts.push(`compactTo=${compactTo.index}/${compactTo.term}`);
  return parts.join(' ');
}

function describeAnswer(answer: Answer): string {
  switch (answer.kind) {
    case 'accepted':
      return `accepted ${answer.index}/${answer.term}`;
    case 'readable':
      return `readable at ${answer.index}`;
    case 'done':
      return 'done';
    case 'rejected':
      return `rejected ${answer.reason} leader=${answer.leaderId ?? 'unknown'}`;
    default:
      return unreachable(answer);
  }
}

/**
 * For example `n1 leader term=2 vote=n1 leader=n1 log=7/2 commit=6 applied=6 persisted=7
 * voters=(n1)`; a compacted log shows its base, a server with a snapshot that: `log=7/2 base=3/1
 * snapshot=5/2`.
 */
export function describeState(state: RaftState): string {
  const { persistent, volatile, role } = state;
  const { log, snapshot } = persistent;
  const base = log.baseIndex === 0 ? '' : ` base=${log.baseIndex}/${log.baseTerm}`;
  const taken = snapshot === null ? '' : ` snapshot=${snapshot.index}/${snapshot.term}`;
  return (
    `${state.id} ${role.kind} term=${persistent.currentTerm}` +
    ` vote=${persistent.votedFor ?? 'none'}` +
    ` leader=${volatile.leaderId ?? 'unknown'}` +
    ` log=${lastIndex(log)}/${lastTerm(log)}${base}${taken}` +
    ` commit=${volatile.commitIndex} applied=${volatile.lastApplied}` +
    ` persisted=${volatile.persistedIndex}` +
    ` ${describeConfiguration(latestConfiguration(log))}`
  );
}
