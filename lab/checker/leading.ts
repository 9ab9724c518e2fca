/**
 * What leaders owe: a no-op first (§6.4), what a majority holds committed (§3.5), the lead given up
 * where no majority answers (§6.2) or the leader is removed (§4.2.2), and kept else; and that new
 * voters have caught up (§4.2.1).
 */
import { configurationAt, entryBytes, lastIndex, latestConfiguration } from '../../src/raft/log.ts';
import type {
  Configuration,
  Entry,
  Index,
  LeaderRole,
  Log,
  NodeId,
  PlacedConfiguration,
  RaftState,
} from '../../src/raft/types.ts';
import { describeConfiguration, isMajority } from './majority.ts';
import {
  isMember,
  isVoter,
  type Lead,
  ledIn,
  type Memory,
  type Peer,
  type Step,
} from './memory.ts';
import { fail } from './properties.ts';
import { minimumTimeoutUs } from './voting.ts';

const US_PER_MS = 1000;
/** A leader that is awake hears its timer at every heartbeat. */
const HEARTBEATS_ASLEEP = 2;
/** A majority that answered right after a check is missed by the second check after it. */
const QUORUM_PERIODS = 2;
/** An election timeout that follows round trips may grow to this, in longest election timeouts. */
const ADAPTIVE_GROWTH = 2;
const GRACE_US = 2000;
/** A round of an election timeout, and one since it ended. */
const ROUNDS_SINCE = 2;

// ---- The records of a lead ----------------------------------------------------------------------

export function createPeer(nowUs: number): Peer {
  return {
    sentUs: nowUs,
    heardUs: nowUs,
    heardSentUs: -1,
    attempt: 0,
    pipelined: false,
    underWay: [],
    underWayBytes: 0,
    probed: false,
    snapshot: null,
  };
}

/** Before anything else is judged: who leads since when, and what was heard and appended. */
export function noteLead(step: Step, memory: Memory): void {
  const { input, state } = step;
  if (state.role.kind === 'leader' && state.role !== memory.role) {
    memory.lead = beginLead(step, memory);
  }
  const { lead } = memory;
  if (lead === null) return;
  const { message } = step;
  if (message !== null && message.term === state.persistent.currentTerm) {
    const isResponse =
      message.kind === 'AppendEntriesResponse' || message.kind === 'InstallSnapshotResponse';
    const peer = isResponse ? lead.peers.get(message.from) : undefined;
    if (peer !== undefined && isResponse) {
      peer.heardUs = input.nowUs;
      peer.heardSentUs = Math.max(peer.heardSentUs, message.sentUs);
    }
  }
  const asleepUs = HEARTBEATS_ASLEEP * Math.round(state.settings.heartbeatMs * US_PER_MS);
  if (input.nowUs - memory.nowUs > asleepUs) lead.quorumFromUs = input.nowUs;
  if (latestConfiguration(state.persistent.log) === memory.configuration) return;
  lead.quorumFromUs = input.nowUs;
  for (const id of othersOf(state)) {
    if (!isMember(memory.configuration, id)) lead.peers.set(id, createPeer(input.nowUs));
  }
}

function othersOf({ id, persistent }: RaftState): NodeId[] {
  const { learners, outgoing, voters } = latestConfiguration(persistent.log);
  return [...voters, ...outgoing, ...learners].filter((other) => other !== id);
}

function beginLead({ input, state }: Step, memory: Memory): Lead {
  const { nowUs } = input;
  let uncommittedBytes = 0;
  const { log } = state.persistent;
  for (let i = memory.commitIndex - log.baseIndex; i < memory.lastIndex - log.baseIndex; i++) {
    const entry = log.entries[i];
    if (entry !== undefined) uncommittedBytes += entryBytes(entry);
  }
  return {
    startIndex: memory.lastIndex + 1,
    sinceUs: nowUs,
    peers: new Map(othersOf(state).map((id) => [id, createPeer(nowUs)])),
    heartbeatsLookUs: nowUs,
    quorumFromUs: nowUs,
    quorumLookUs: nowUs,
    uncommittedBytes,
    hasTransferred: false,
    calledUs: Number.NEGATIVE_INFINITY,
    catchUp: null,
    undo: null,
    exchanges: 0,
    exchangeUs: nowUs,
    questions: new Map(),
  };
}

// ---- Its log ------------------------------------------------------------------------------------

/** §6.4: an entry of the leader's own term comes first. */
export function checkFirstEntry({ effects, state }: Step, memory: Memory): void {
  if (state.role.kind !== 'leader' || state.role === memory.role) return;
  for (const effect of effects) {
    if (effect.kind !== 'persist') continue;
    const [first] = effect.change.entries;
    if (first === undefined) continue;
    const { currentTerm } = state.persistent;
    if (first.kind === 'noop' && first.term === currentTerm) return;
    fail('noOpFirst', `${state.id} begins its term ${currentTerm} with a ${first.kind}`);
  }
  fail('noOpFirst', `${state.id} begins its term ${state.persistent.currentTerm} with no entry`);
}

/**
 * §3.5: an entry is committed once it is on a majority, where that may be counted (§3.6.2). Where
 * an entry changes who counts, those before it are counted anew when it is acknowledged itself.
 */
export function checkCommitted({ input, message, state }: Step, memory: Memory): void {
  const { persistent, role, volatile } = state;
  if (role.kind !== 'leader' || memory.lastIndex <= volatile.commitIndex) return;
  if (message === null && input.kind !== 'persisted') return;
  const { configuration, index: changed } = placedConfiguration(persistent.log);
  const index = Math.max(volatile.commitIndex + 1, role.termStartIndex, changed);
  if (message !== null && matchOf(role, message.from) < index) return;
  const holds = (id: NodeId): boolean =>
    (id === state.id ? volatile.persistedIndex : matchOf(role, id)) >= index;
  if (configuration.voters.length === 0 || !isMajority(configuration, holds)) return;
  fail('majorityCommits', `${state.id} does not commit entry ${index}, which a majority holds`);
}

function placedConfiguration(log: Log): PlacedConfiguration {
  return configurationAt(log, lastIndex(log));
}

export function matchOf({ progress }: LeaderRole, id: NodeId): Index {
  for (const each of progress) if (each.id === id) return each.matchIndex;
  return 0;
}

/** §3.10: once its log is complete the target is told to begin, and again with each heartbeat. */
export function checkCall({ input, state }: Step, { lead, transfer }: Memory): void {
  const { persistent, role, settings } = state;
  if (transfer === null || lead === null || role.kind !== 'leader') return;
  const isCalled = lead.calledUs >= transfer.atUs;
  if (isCalled && input.kind !== 'timer') return;
  if (matchOf(role, transfer.to) !== lastIndex(persistent.log)) return;
  const everyUs = Math.round(settings.heartbeatMs * US_PER_MS) + GRACE_US;
  if (isCalled && input.nowUs - lead.calledUs <= everyUs) return;
  fail('transferComplete', `${state.id} does not tell ${transfer.to}, which has all, to begin`);
}

// ---- Giving up the lead -------------------------------------------------------------------------

/** §4.2.2: "once C_new is committed", who is not in it "steps down". */
export function checkRemoved({ input, state }: Step, memory: Memory): void {
  const { persistent, role, volatile } = state;
  const { commitIndex } = volatile;
  if (role.kind !== 'leader' || commitIndex === memory.commitIndex) return;
  const { configuration, index } = placedConfiguration(persistent.log);
  if (index > commitIndex || configuration.outgoing.length > 0) return;
  // Who went has been told, and is sent no more.
  const { peers } = memory.lead ?? { peers: new Map<NodeId, Peer>() };
  for (const [id, { sentUs }] of peers) {
    if (isMember(configuration, id)) continue;
    peers.delete(id);
    if (sentUs === input.nowUs) continue;
    fail('sentToMembers', `${state.id} does not tell ${id} that it is removed`);
  }
  // Who was elected nevertheless knows of the commitment once it has committed its own no-op.
  if (configuration.voters.includes(state.id) || role.termStartIndex > commitIndex) return;
  fail('removedLeaderStepsDown', `${state.id} leads on, and entry ${index} has removed it`);
}

/**
 * §6.2: a leader steps down "if an election timeout elapses without a successful round of
 * heartbeats", and for nothing less.
 */
export function checkQuorum(step: Step, memory: Memory): void {
  const { input, state } = step;
  const { lead } = memory;
  if (lead === null) return;
  if (state.role.kind !== 'leader') {
    checkLeadLost(step, memory, lead);
    return;
  }
  if (!state.settings.checkQuorum || input.nowUs < lead.quorumLookUs) return;
  const { adaptiveTimeout, electionTimeoutMs } = state.settings;
  const [lowMs, highMs] = electionTimeoutMs;
  const longestMs = adaptiveTimeout === null ? lowMs : Math.max(lowMs, ADAPTIVE_GROWTH * highMs);
  const boundUs = QUORUM_PERIODS * Math.round(longestMs * US_PER_MS) + GRACE_US;
  lead.quorumLookUs = input.nowUs + Math.round(boundUs / 8);
  const sinceUs = input.nowUs - boundUs;
  // What is due in this moment may be done in this moment.
  if (lead.quorumFromUs >= sinceUs || memory.nowUs < input.nowUs - GRACE_US) return;
  if (hasHeard(state, lead, sinceUs)) return;
  const forMs = boundUs / US_PER_MS;
  fail('checkQuorum', `${state.id} leads on and has heard no majority for ${forMs} ms`);
}

function hasHeard(state: RaftState, { peers }: Lead, sinceUs: number): boolean {
  return isMajority(
    latestConfiguration(state.persistent.log),
    (id) => id === state.id || (peers.get(id)?.heardUs ?? 0) >= sinceUs,
  );
}

function checkLeadLost({ effects, input, state }: Step, memory: Memory, lead: Lead): void {
  if (state.persistent.currentTerm > memory.currentTerm) return;
  const stepsDown = `${state.id} steps down in term ${memory.currentTerm}`;
  const { configuration, index } = placedConfiguration(state.persistent.log);
  if (!isVoter(configuration, state.id) && index <= state.volatile.commitIndex) {
    // §3.10: with TimeoutNow the others need not wait for an election timeout.
    const calls = effects.some((effect) => {
      return effect.kind === 'send' && effect.message.kind === 'TimeoutNow';
    });
    if (!calls) fail('removedLeaderStepsDown', `${stepsDown} and calls no other to lead`);
    return;
  }
  if (!state.settings.checkQuorum || input.kind !== 'timer') {
    fail('checkQuorum', `${stepsDown} for ${input.kind}`);
  }
  const periodUs = minimumTimeoutUs(state.settings);
  // At first everybody counts as heard.
  if (!hasHeard(state, lead, Math.max(input.nowUs - periodUs, lead.sinceUs) + 1)) return;
  const heard = `has heard a majority within ${periodUs / US_PER_MS} ms`;
  fail('checkQuorum', `${stepsDown} and ${heard}`);
}

// ---- New voters ---------------------------------------------------------------------------------

/**
 * §4.2.1: in its last round, of less than an election timeout, a new server got all that the
 * leader's log held when that round began; and that round ended less than a timeout ago.
 */
export function checkCaughtUp(step: Step, memory: Memory): void {
  const { effects, input, state } = step;
  const { lead } = memory;
  if (lead === null || (lead.catchUp === null && lead.undo === null)) return;
  for (const effect of effects) {
    if (effect.kind !== 'persist' || effect.change.truncateFrom !== null) continue;
    for (const entry of effect.change.entries) {
      if (entry.kind !== 'configuration') continue;
      if (lead.undo !== null) checkUndone(state, lead, lead.undo, entry);
      else checkNewVoters(step, memory, lead, entry);
    }
  }
  const last = lead.catchUp?.ends.at(-1);
  const end = lastIndex(state.persistent.log);
  if (last !== undefined && end > last.index) {
    lead.catchUp?.ends.push({ atUs: input.nowUs, index: end });
  }
}

/** A change that is given up leaves the membership as it was. */
function checkUndone(
  { id }: RaftState,
  lead: Lead,
  before: Configuration,
  { configuration, index }: Entry & { kind: 'configuration' },
): void {
  lead.undo = null;
  const due = describeConfiguration(before);
  const is = describeConfiguration(configuration);
  if (is === due) return;
  fail('caughtUpFirst', `${id} gives a change up and has ${is} in entry ${index}, not ${due}`);
}

function checkNewVoters(
  { input, state }: Step,
  memory: Memory,
  lead: Lead,
  entry: Entry & { kind: 'configuration' },
): void {
  const { role, settings } = state;
  const { catchUp } = lead;
  const added = entry.configuration.voters.filter((id) => !isVoter(memory.configuration, id));
  if (catchUp === null || role.kind !== 'leader') return;
  if (added.length === 0) return;
  const fromUs = input.nowUs - ROUNDS_SINCE * minimumTimeoutUs(settings);
  const end = catchUp.ends.findLast(({ atUs }) => atUs <= fromUs) ?? catchUp.ends[0];
  for (const id of added) {
    const match = matchOf(role, id);
    const silentMs = (input.nowUs - (lead.peers.get(id)?.heardUs ?? 0)) / US_PER_MS;
    if (match >= (end?.index ?? 0) && silentMs < minimumTimeoutUs(settings) / US_PER_MS) continue;
    const has = `has ${match} of ${end?.index} entries, and answered ${silentMs} ms before`;
    fail('caughtUpFirst', `${state.id} makes ${id} a voter, which ${has}`);
  }
  lead.catchUp = null;
}

// ---- What is not committed ----------------------------------------------------------------------

/** After the answers of a step have been judged by what there was before it. */
export function noteBytes(step: Step, memory: Memory): void {
  const { lead } = memory;
  if (lead === null || !ledIn(step, memory)) return;
  for (const effect of step.effects) {
    if (effect.kind === 'persist') {
      for (const entry of effect.change.entries) lead.uncommittedBytes += entryBytes(entry);
    } else if (effect.kind === 'apply') {
      for (const entry of effect.entries) lead.uncommittedBytes -= entryBytes(entry);
    } else if (effect.kind === 'install') {
      const { log } = step.state.persistent;
      lead.uncommittedBytes = 0;
      for (const entry of log.entries.slice(effect.snapshot.index - log.baseIndex)) {
        lead.uncommittedBytes += entryBytes(entry);
      }
    }
  }
}
