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
  type Message,
  type PersistChange,
  type RaftState,
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
    case 'RequestVote':
      return `${head} last=${message.lastLogIndex}/${message.lastLogTerm}`;
    case 'PreVoteResponse':
      return `${head} for=${message.requestTerm} ${granted(message.voteGranted)}`;
    case 'RequestVoteResponse':
      return `${head} ${granted(message.voteGranted)}`;
    case 'AppendEntries': {
      const entries = message.entries.map((entry) => describeEntry(entry, command)).join(', ');
      const list = entries === '' ? '' : ` entries=[${entries}]`;
      return (
        `${head} prev=${message.prevLogIndex}/${message.prevLogTerm}${list}` +
        ` commit=${message.leaderCommit}${round(message)}`
      );
    }
    case 'AppendEntriesResponse':
      return message.success
        ? `${head} match=${message.matchIndex}${round(message)}`
        : `${head} refused prev=${message.prevLogIndex}` +
            ` hint=${message.hintIndex}/${message.hintTerm}${round(message)}`;
    default:
      return unreachable(message);
  }
}

function granted(voteGranted: boolean): string {
  return voteGranted ? 'granted' : 'refused';
}

function round({ readRound, attempt }: AppendEntries | AppendEntriesResponse): string {
  const tried = attempt === 0 ? '' : ` attempt=${attempt}`;
  return readRound === 0 ? tried : ` round=${readRound}${tried}`;
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
    case 'answer':
      return `answer #${effect.id} ${describeAnswer(effect.answer)}`;
    default:
      return unreachable(effect);
  }
}

function describeChange(change: PersistChange, command: DescribeCommand): string {
  const parts: string[] = [];
  const { termAndVote, truncateFrom, entries } = change;
  if (termAndVote !== null) {
    parts.push(`term=${termAndVote.currentTerm} vote=${termAndVote.votedFor ?? 'none'}`);
  }
  if (truncateFrom !== null) parts.push(`truncateFrom=${truncateFrom}`);
  if (entries.length > 0) {
    parts.push(`entries=[${entries.map((entry) => describeEntry(entry, command)).join(', ')}]`);
  }
  return parts.join(' ');
}

function describeAnswer(answer: Answer): string {
  switch (answer.kind) {
    case 'accepted':
      return `accepted ${answer.index}/${answer.term}`;
    case 'readable':
      return `readable at ${answer.index}`;
    case 'rejected':
      return `rejected leader=${answer.leaderId ?? 'unknown'}`;
    default:
      return unreachable(answer);
  }
}

/**
 * For example `n1 leader term=2 vote=n1 leader=n1 log=7/2 commit=6 applied=6 persisted=7
 * voters=(n1)`.
 */
export function describeState(state: RaftState): string {
  const { persistent, volatile, role } = state;
  return (
    `${state.id} ${role.kind} term=${persistent.currentTerm}` +
    ` vote=${persistent.votedFor ?? 'none'}` +
    ` leader=${volatile.leaderId ?? 'unknown'}` +
    ` log=${lastIndex(persistent.log)}/${lastTerm(persistent.log)}` +
    ` commit=${volatile.commitIndex} applied=${volatile.lastApplied}` +
    ` persisted=${volatile.persistedIndex}` +
    ` ${describeConfiguration(latestConfiguration(persistent.log))}`
  );
}
