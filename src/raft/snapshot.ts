/**
 * Snapshots (ch. 5): when one is due, what of the log it makes superfluous, and InstallSnapshot
 * both ways. Their bytes are the host's: the core says which, and when.
 */
import { type Context, saveCompaction, send } from './context.ts';
import * as log from './log.ts';
import { maySendChunk, onChunkSent, onEntriesGone, onReceiving } from './progress.ts';
import { heartbeatUs } from './roles.ts';
import type {
  Index,
  InstallSnapshot,
  InstallSnapshotResponse,
  LeaderRole,
  Progress,
  RaftState,
  SnapshotMeta,
} from './types.ts';

/** Beyond so many times the bounds a snapshot is taken though the one before is being sent. */
const PATIENCE = 4;
/** A follower that is silent for so many of the longest election timeouts is taken for dead. */
const SILENT_TIMEOUTS = 10;
const US_PER_MS = 1000;
const NO_BYTES = new Uint8Array(0);

// ---- Taking -------------------------------------------------------------------------------------

/** §5.1.3: takes a snapshot when the log has grown by enough since the last one. O(peers). */
export function takeSnapshotIfDue(context: Context): void {
  const { settings, volatile } = context.state;
  const entries = volatile.lastApplied - snapshotIndex(context.state);
  const due = Math.max(
    entries / settings.snapshotEntries,
    volatile.bytesSinceSnapshot / settings.snapshotBytes,
  );
  // The follower that is being sent the last one would have to begin again with the next.
  if (due >= (isBeingSent(context) ? PATIENCE : 1)) takeSnapshot(context);
}

export function takeSnapshot(context: Context): void {
  const { persistent, volatile } = context.state;
  if (volatile.takingSnapshot || volatile.lastApplied <= snapshotIndex(context.state)) return;
  // Who joined knows of no configuration before the first entry that brings one.
  const { configuration } = log.configurationAt(persistent.log, volatile.lastApplied);
  if (configuration.voters.length === 0) return;
  volatile.takingSnapshot = true;
  context.effects.push({ kind: 'takeSnapshot' });
}

function snapshotIndex({ persistent }: RaftState): Index {
  return persistent.snapshot?.index ?? 0;
}

/** A dead follower does not count: it must not hold snapshots back for ever. */
function isBeingSent({ nowUs, state }: Context): boolean {
  const { role, settings } = state;
  if (role.kind !== 'leader') return false;
  const silentUs = SILENT_TIMEOUTS * settings.electionTimeoutMs[1] * US_PER_MS;
  return role.progress.some(({ snapshot }) => {
    return snapshot !== null && nowUs - snapshot.heardUs < silentUs;
  });
}

/** What a snapshot of the state after entry `index` is of; the index lies in the log. */
export function metaOf(state: RaftState, index: Index): SnapshotMeta {
  const { log: ownLog } = state.persistent;
  const term = log.termAt(ownLog, index);
  if (term === undefined) throw new Error(`no entry ${index} to take a snapshot of`);
  return { index, term, configuration: log.configurationAt(ownLog, index) };
}

/** The server's own snapshot is durable; a later one may have been received meanwhile. */
export function onSnapshotSaved(context: Context, index: Index): void {
  const { state } = context;
  state.volatile.takingSnapshot = false;
  if (index > snapshotIndex(state)) adopt(context, metaOf(state, index));
}

/** A snapshot of entries that are committed here: the log before it can go. */
function adopt(context: Context, snapshot: SnapshotMeta): void {
  const { persistent, volatile } = context.state;
  persistent.snapshot = snapshot;
  const { configurations } = persistent.log;
  const later = configurations.filter(({ index }) => index > snapshot.configuration.index);
  persistent.log.configurations = [snapshot.configuration, ...later];
  volatile.bytesSinceSnapshot = 0;
  const since = log.slice(persistent.log, snapshot.index + 1, volatile.commitIndex);
  for (const entry of since) volatile.bytesSinceSnapshot += log.entryBytes(entry);
  const base = keptFrom(context.state, snapshot.index);
  const term = log.termAt(persistent.log, base);
  if (term !== undefined && base > persistent.log.baseIndex) saveCompaction(context, base, term);
}

/**
 * Where the log may begin: of what the snapshot covers some is kept, for a follower that is a
 * little behind is sent entries sooner than a snapshot. O(entries kept).
 */
function keptFrom({ persistent, settings }: RaftState, index: Index): Index {
  const { baseIndex } = persistent.log;
  const lowest = Math.max(baseIndex, index - settings.keptEntries);
  let base = index;
  let bytes = 0;
  while (base > lowest) {
    const [entry] = log.slice(persistent.log, base, base);
    if (entry !== undefined) bytes += log.entryBytes(entry);
    if (bytes > settings.keptBytes) break;
    base--;
  }
  return base;
}

// ---- Sending ------------------------------------------------------------------------------------

/** The follower needs entries that are gone: it gets the latest snapshot, from the beginning. */
export function beginSnapshot(context: Context, leader: LeaderRole, progress: Progress): void {
  const { snapshot } = context.state.persistent;
  if (snapshot === null) throw new Error('entries are gone and there is no snapshot of them');
  onEntriesGone(progress, snapshot.index, context.nowUs);
  sendChunks(context, leader, progress);
}

/**
 * As many chunks as the window allows. How long the snapshot is the host knows: of a chunk behind
 * its end nothing comes.
 */
function sendChunks(context: Context, leader: LeaderRole, progress: Progress): void {
  const { snapshot } = progress;
  const { chunkBytes } = context.state.settings;
  while (snapshot !== null && maySendChunk(snapshot, chunkBytes)) {
    const message = installSnapshot(context, leader, progress, snapshot.next);
    if (message === null) return;
    context.effects.push({ kind: 'sendChunk', message });
    onChunkSent(snapshot, chunkBytes, context.nowUs);
  }
}

/**
 * In place of a heartbeat: asks how far the follower has come. What it has not got when it answers
 * this was lost, or is overtaken, and is sent again.
 */
export function askForProgress(context: Context, leader: LeaderRole, progress: Progress): void {
  if (progress.snapshot?.index !== context.state.persistent.snapshot?.index) {
    // A later one has taken its place.
    beginSnapshot(context, leader, progress);
    return;
  }
  const message = installSnapshot(context, leader, progress, progress.snapshot?.next ?? 0);
  if (message !== null) send(context, message);
}

function installSnapshot(
  context: Context,
  leader: LeaderRole,
  progress: Progress,
  offset: number,
): InstallSnapshot | null {
  const { id, persistent } = context.state;
  const { snapshot } = persistent;
  if (snapshot === null) return null;
  return {
    kind: 'InstallSnapshot',
    from: id,
    to: progress.id,
    term: persistent.currentTerm,
    snapshot,
    offset,
    data: NO_BYTES,
    done: false,
    readRound: leader.readRound,
    sentUs: context.nowUs,
  };
}

/** The follower has come so far with its snapshot; the next chunks follow. */
export function handleReceiving(
  context: Context,
  leader: LeaderRole,
  progress: Progress,
  message: Extract<InstallSnapshotResponse, { status: 'receiving' }>,
): void {
  const { snapshot } = progress;
  if (snapshot === null || snapshot.index !== message.index) return;
  if (snapshot.index !== context.state.persistent.snapshot?.index) {
    beginSnapshot(context, leader, progress);
    return;
  }
  // What stands behind chunks, heartbeats and entries for others among it, waits for them.
  const graceUs = heartbeatUs(context.state) / 2;
  const slow = progress.roundTripUs > graceUs;
  onReceiving(snapshot, message.offset, message.sentUs, slow, graceUs);
  sendChunks(context, leader, progress);
}

// ---- Receiving ----------------------------------------------------------------------------------

/** Figure 5.3, receiver implementation; the terms are equal here, and the leader is noted. */
export function handleInstallSnapshot(context: Context, message: InstallSnapshot): void {
  const { volatile } = context.state;
  const { snapshot, offset, data, done } = message;
  if (snapshot.index <= volatile.commitIndex) {
    volatile.receiving = null;
    respond(context, message, { status: 'installed' });
    return;
  }
  let { receiving } = volatile;
  // Late: a server's snapshots come in the order of their indexes.
  if (receiving?.from === message.from && receiving.snapshot.index > snapshot.index) return;
  // Two servers' snapshots of one index hold the same in another order: they cannot be mixed.
  if (receiving?.from !== message.from || receiving.snapshot.index !== snapshot.index) {
    receiving = { from: message.from, snapshot, offset: 0, complete: false };
    volatile.receiving = receiving;
  }
  if (!receiving.complete && offset === receiving.offset && (data.byteLength > 0 || done)) {
    context.effects.push({ kind: 'receiveChunk', snapshot, offset, data, done });
    receiving.offset += data.byteLength;
    receiving.complete = done;
  }
  if (receiving.complete) respond(context, message, { status: 'received' });
  else respond(context, message, { status: 'receiving', offset: receiving.offset });
}

/** What came is durable, whoever leads by now; it is committed, so it may always be installed. */
export function onSnapshotReceived(context: Context, snapshot: SnapshotMeta): void {
  const { state } = context;
  const { receiving } = state.volatile;
  const awaited = receiving?.snapshot.index === snapshot.index && receiving.complete;
  if (awaited) state.volatile.receiving = null;
  if (snapshot.index > state.volatile.commitIndex) install(context, snapshot);
  else if (snapshot.index > snapshotIndex(state)) adopt(context, snapshot);
  if (!awaited || receiving === null || state.volatile.leaderId !== receiving.from) return;
  send(context, installed(state, receiving.from, snapshot.index), 'log');
}

/** Its sender begins again when it asks how far this server has come. */
export function onSnapshotRefused({ state }: Context, { index }: SnapshotMeta): void {
  const { volatile } = state;
  if (volatile.receiving?.snapshot.index === index) volatile.receiving = null;
}

/**
 * Figure 5.3, steps 6 to 8: "if existing log entry has same index and term as lastIndex and
 * lastTerm, discard log up through lastIndex (but retain any following entries)"; else all of it.
 */
function install(context: Context, snapshot: SnapshotMeta): void {
  const { persistent, volatile, role } = context.state;
  const { index, term, configuration } = snapshot;
  const held = log.termAt(persistent.log, index) === term;
  const later = persistent.log.configurations.filter((placed) => held && placed.index > index);
  saveCompaction(context, index, term);
  persistent.log.configurations = [configuration, ...later];
  persistent.snapshot = snapshot;
  volatile.commitIndex = index;
  volatile.bytesSinceSnapshot = 0;
  volatile.takingSnapshot = false;
  if (role.kind === 'leader') role.uncommittedBytes = log.bytesFrom(persistent.log, index + 1);
  context.effects.push({ kind: 'install', snapshot });
}

type Came =
  | { readonly status: 'installed' }
  | { readonly status: 'received' }
  | { readonly status: 'receiving'; readonly offset: number };

function respond(context: Context, message: InstallSnapshot, came: Came): void {
  const { id, persistent } = context.state;
  const response: InstallSnapshotResponse = {
    kind: 'InstallSnapshotResponse',
    from: id,
    to: message.from,
    term: persistent.currentTerm,
    index: message.snapshot.index,
    readRound: message.readRound,
    sentUs: message.sentUs,
    ...came,
  };
  // It vouches for the log up to there, as a match does.
  send(context, response, came.status === 'installed' ? 'log' : 'term');
}

/** Nobody asked this very moment: it confirms no round. */
function installed(state: RaftState, to: string, index: Index): InstallSnapshotResponse {
  return {
    kind: 'InstallSnapshotResponse',
    from: state.id,
    to,
    term: state.persistent.currentTerm,
    index,
    readRound: 0,
    sentUs: -1,
    status: 'installed',
  };
}

/** Figure 5.3: "reply immediately if term < currentTerm". */
export function refuseStaleInstallSnapshot(
  state: RaftState,
  message: InstallSnapshot,
): InstallSnapshotResponse {
  return {
    kind: 'InstallSnapshotResponse',
    from: state.id,
    to: message.from,
    term: state.persistent.currentTerm,
    index: 0,
    readRound: 0,
    sentUs: -1,
    status: 'receiving',
    offset: 0,
  };
}
