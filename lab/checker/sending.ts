/**
 * What servers send: to whom (§3.10, §4.2.2), how much at a time (§10.2), behind which writes
 * (§3.8, §10.2.1), and when a snapshot in place of entries (§5.1).
 */
import { entryBytes, lastIndex, latestConfiguration } from '../../src/raft/log.ts';
import type {
  AppendEntries,
  Effect,
  InstallSnapshot,
  Message,
  NodeId,
  RaftState,
} from '../../src/raft/types.ts';
import { matchOf } from './leading.ts';
import type { Memory, Peer, Step } from './memory.ts';
import { fail } from './properties.ts';

export function checkSends(step: Step, memory: Memory): void {
  const { message, input } = step;
  const { lead } = memory;
  if (lead !== null) {
    // A probe may be repeated once it is answered, and with every heartbeat.
    if (message !== null) release(lead.peers.get(message.from));
    const beats = input.kind === 'timer' || step.state.volatile.commitIndex > memory.commitIndex;
    if (beats) for (const peer of lead.peers.values()) peer.probed = false;
  }
  for (const effect of step.effects) {
    if (effect.kind === 'sendChunk') checkFromLeader(step, memory, effect.message);
    else if (effect.kind === 'send') {
      checkWait(step, effect);
      const { message: sent } = effect;
      if (sent.kind === 'AppendEntries' || sent.kind === 'InstallSnapshot') {
        checkFromLeader(step, memory, sent);
      } else if (sent.kind === 'TimeoutNow') {
        checkSuccessor(step, memory, sent.to);
        if (lead !== null) lead.calledUs = input.nowUs;
      }
    }
  }
}

function release(peer: Peer | undefined): void {
  if (peer !== undefined) peer.probed = false;
}

// ---- Disk ---------------------------------------------------------------------------------------

/** A message waits for the writes that it vouches for, and for no others. */
function checkWait({ message: request, state }: Step, effect: Effect & { kind: 'send' }): void {
  const { after, message } = effect;
  const due = waits(state, request, message) ? 'log' : 'term';
  if (after === due) return;
  const to = `${message.kind} to ${message.to}`;
  fail('waitsForDisk', `${state.id} sends ${to} after the ${after} is durable, not the ${due}`);
}

function waits({ settings }: RaftState, request: Message | null, message: Message): boolean {
  switch (message.kind) {
    case 'AppendEntries':
      return !settings.parallelDiskWrite;
    case 'AppendEntriesResponse':
      return message.success && request?.kind === 'AppendEntries' && request.entries.length > 0;
    case 'InstallSnapshotResponse':
      return message.status === 'installed';
    default:
      return false;
  }
}

// ---- To whom ------------------------------------------------------------------------------------

function checkFromLeader(
  step: Step,
  memory: Memory,
  message: AppendEntries | InstallSnapshot,
): void {
  const { input, state } = step;
  const { kind, to } = message;
  const { lead } = memory;
  const peer = lead?.peers.get(to);
  // Who leaves is sent entries until that is committed.
  if (lead === null || peer === undefined) {
    fail('sentToMembers', `${state.id} sends ${kind} to ${to}, to whom it owes nothing`);
  }
  peer.sentUs = input.nowUs;
  if (message.kind === 'AppendEntries') {
    peer.snapshot = null;
    if (message.entries.length > 0) checkEntries(state, peer, message);
  } else checkSnapshot(state, peer, message);
}

/**
 * §3.10: "the prior leader fully updates the target server's log to match its own log". A leader
 * that is removed calls one who has all that is committed.
 */
function checkSuccessor({ state }: Step, memory: Memory, to: NodeId): void {
  const { persistent, role, volatile } = state;
  const before = role.kind === 'leader' ? role : memory.role;
  const calls = `${state.id} tells ${to} to start an election`;
  if (before.kind !== 'leader') fail('transferComplete', `${calls} and does not lead`);
  const due = role.kind === 'leader' ? lastIndex(persistent.log) : volatile.commitIndex;
  const has = matchOf(before, to);
  if (has < due) fail('transferComplete', `${calls}, which has ${has} of ${due} entries`);
  if (latestConfiguration(persistent.log).voters.includes(to)) return;
  fail('transferComplete', `${calls}, which is no voter`);
}

// ---- How much -----------------------------------------------------------------------------------

function checkEntries(state: RaftState, peer: Peer, message: AppendEntries): void {
  const { id, role, settings } = state;
  const { entries, to } = message;
  const { batchBytes, batchEntries } = settings;
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  if (entries.length > batchEntries || (bytes > batchBytes && entries.length > 1)) {
    fail('flowControl', `${id} sends ${to} ${entries.length} entries of ${bytes} bytes at once`);
  }
  const progress =
    role.kind === 'leader' ? role.progress.find((each) => each.id === to) : undefined;
  if (progress === undefined) return;
  const pipelined = progress.state === 'replicate';
  if (!pipelined || !peer.pipelined || peer.attempt !== message.attempt) {
    peer.underWay.length = 0;
    peer.underWayBytes = 0;
  }
  peer.attempt = message.attempt;
  peer.pipelined = pipelined;
  if (!pipelined) {
    if (peer.probed) fail('flowControl', `${id} sends ${to} a second probe before an answer`);
    peer.probed = true;
    return;
  }
  checkWindow(state, peer, progress.matchIndex, to);
  peer.underWay.push({ lastIndex: message.prevLogIndex + entries.length, bytes });
  peer.underWayBytes += bytes;
}

/** §10.2.2: there is a limit to how many messages are under way. */
function checkWindow({ id, settings }: RaftState, peer: Peer, match: number, to: NodeId): void {
  const { underWay } = peer;
  let arrived = 0;
  for (const { bytes, lastIndex: last } of underWay) {
    if (last > match) break;
    peer.underWayBytes -= bytes;
    arrived++;
  }
  if (arrived > 0) underWay.splice(0, arrived);
  const isFull = peer.underWayBytes >= settings.windowBytes && underWay.length > 0;
  if (underWay.length < settings.windowMessages && !isFull) return;
  const has = `${underWay.length} messages of ${peer.underWayBytes} bytes`;
  fail('flowControl', `${id} sends ${to} entries while ${has} are under way`);
}

// ---- Snapshots ----------------------------------------------------------------------------------

/** §5.1: a snapshot is sent where "the leader has already discarded the next log entry". */
function checkSnapshot(state: RaftState, peer: Peer, message: InstallSnapshot): void {
  const { persistent, role } = state;
  const { snapshot, to } = message;
  if (snapshot !== persistent.snapshot) {
    fail('snapshotWhereNeeded', `${state.id} sends ${to} a snapshot that is not its latest`);
  }
  const begun = peer.snapshot;
  peer.snapshot = snapshot;
  if (begun !== null || role.kind !== 'leader') return;
  const has = matchOf(role, to);
  const { baseIndex } = persistent.log;
  if (has < baseIndex) return;
  const holds = `holds all entries behind ${baseIndex}`;
  fail(
    'snapshotWhereNeeded',
    `${state.id} begins to send ${to} a snapshot, has ${has} and ${holds}`,
  );
}

/** A chunk as it leaves. */
export function checkChunk(message: Message, chunkBytes: number): void {
  if (message.kind !== 'InstallSnapshot' || message.data.byteLength <= chunkBytes) return;
  const { data, from, to } = message;
  fail('flowControl', `${from} sends ${to} ${data.byteLength} bytes of a snapshot at once`);
}
