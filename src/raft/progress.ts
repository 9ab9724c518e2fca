/**
 * A leader's view of one follower, and every way it changes (§3.5, §10.2.2; the states are etcd's).
 *
 *   probe ──(a message matched)──> replicate
 *     ^ │                           │    ^
 *     │ └──(entries are gone)──> snapshot ──(it is installed)
 *     └────────(one was refused)────┘
 */
import type { Index, NodeId, Progress, Settings, SnapshotTransfer } from './types.ts';

/** Chunks of a snapshot that may be under way to one follower. */
export const CHUNKS_MAX = 8;

/** §3.5: "it initializes all nextIndex values to the index just after the last one in its log". */
export function createProgress(id: NodeId, lastLogIndex: Index): Progress {
  return {
    id,
    state: 'probe',
    matchIndex: 0,
    nextIndex: lastLogIndex + 1,
    inflight: [],
    inflightBytes: 0,
    probing: false,
    attempt: 0,
    active: true,
    readRound: 0,
    heardSentUs: -1,
    roundTripUs: 0,
    roundTripVariationUs: 0,
    snapshot: null,
  };
}

/** May entries be sent now? A window that is empty takes a message of any size. */
export function mayAppend(progress: Progress, settings: Settings): boolean {
  switch (progress.state) {
    case 'probe':
      return !progress.probing;
    case 'replicate':
      return (
        progress.inflight.length < settings.windowMessages &&
        (progress.inflightBytes < settings.windowBytes || progress.inflight.length === 0)
      );
    case 'snapshot':
      return false;
  }
}

/** An AppendEntries whose last entry is `lastIndex` has left, with so many bytes of entries. */
export function onSent(progress: Progress, lastIndex: Index, bytes: number): void {
  if (progress.state === 'probe') {
    progress.probing = true;
    return;
  }
  // Optimistic: the next message follows on without waiting for this one's response.
  progress.nextIndex = lastIndex + 1;
  progress.inflight.push({ lastIndex, bytes });
  progress.inflightBytes += bytes;
}

/** A heartbeat is due: a probe that got no response may be repeated. */
export function onHeartbeat(progress: Progress): void {
  progress.probing = false;
}

/** It has answered a message of this term that was sent at `sentUs`. RFC 6298, section 2. */
export function onHeard(progress: Progress, sentUs: number, nowUs: number): void {
  progress.active = true;
  if (progress.snapshot !== null) progress.snapshot.heardUs = nowUs;
  // What was overtaken says nothing new of lease or round trip.
  if (sentUs <= progress.heardSentUs) return;
  progress.heardSentUs = sentUs;
  const sampleUs = Math.max(1, nowUs - sentUs);
  if (progress.roundTripUs === 0) {
    progress.roundTripUs = sampleUs;
    progress.roundTripVariationUs = Math.ceil(sampleUs / 2);
    return;
  }
  const differenceUs = Math.abs(progress.roundTripUs - sampleUs);
  progress.roundTripVariationUs = Math.ceil((3 * progress.roundTripVariationUs + differenceUs) / 4);
  progress.roundTripUs = Math.ceil((7 * progress.roundTripUs + sampleUs) / 8);
}

/** The entries that it needs next are gone; it is sent the snapshot of entry `index` instead. */
export function onEntriesGone(progress: Progress, index: Index, nowUs: number): void {
  giveUpPipeline(progress);
  progress.state = 'snapshot';
  progress.nextIndex = index + 1;
  progress.snapshot = {
    index,
    acknowledged: 0,
    next: 0,
    window: 1,
    windowMax: CHUNKS_MAX,
    sentUs: nowUs,
    heardUs: nowUs,
  };
}

/** Another chunk may be sent. */
export function maySendChunk(transfer: SnapshotTransfer, chunkBytes: number): boolean {
  return transfer.next < transfer.acknowledged + transfer.window * chunkBytes;
}

/** The chunk from `next` on has left. */
export function onChunkSent(transfer: SnapshotTransfer, chunkBytes: number, nowUs: number): void {
  transfer.next += chunkBytes;
  transfer.sentUs = nowUs;
}

/**
 * The follower has the bytes up to `offset`, as it answers to what was sent at `sentUs`. The window
 * grows with each chunk that arrives, until answers are `slow` or a chunk was lost. A question is
 * sent at once, and a chunk when it has been read: one that is not there `graceUs` later was lost.
 */
export function onReceiving(
  transfer: SnapshotTransfer,
  offset: number,
  sentUs: number,
  slow: boolean,
  graceUs: number,
): void {
  if (offset > transfer.acknowledged) {
    transfer.acknowledged = offset;
    transfer.next = Math.max(transfer.next, offset);
    const wanted = slow ? transfer.window - 1 : transfer.window + 1;
    transfer.windowMax = Math.min(CHUNKS_MAX, transfer.windowMax + 1 / CHUNKS_MAX);
    transfer.window = Math.max(1, Math.min(wanted, Math.floor(transfer.windowMax)));
  }
  // It had been sent all chunks by then: what it lacks was lost, or it began again.
  if (sentUs <= transfer.sentUs + graceUs || offset >= transfer.next) return;
  transfer.acknowledged = offset;
  transfer.next = offset;
  transfer.window = Math.max(1, Math.floor(transfer.window / 2));
  transfer.windowMax = transfer.window;
}

/** The follower holds everything up to `matchIndex`. True if that was news. */
export function onMatch(progress: Progress, matchIndex: Index, attempt: number): boolean {
  const news = matchIndex > progress.matchIndex;
  if (news) progress.matchIndex = matchIndex;
  progress.nextIndex = Math.max(progress.nextIndex, progress.matchIndex + 1);
  switch (progress.state) {
    case 'probe':
      // A late answer to the pipeline that was given up is not what the probe has asked for.
      if (attempt === progress.attempt) beginPipeline(progress);
      break;
    case 'snapshot':
      if (progress.matchIndex >= (progress.snapshot?.index ?? 0)) beginPipeline(progress);
      break;
    case 'replicate':
      free(progress, matchIndex);
      break;
  }
  return news;
}

/**
 * The follower refused a message that followed `prevLogIndex`; it may match up to `hintIndex`.
 * False if the refusal is stale: reordering and duplication deliver refusals that later events
 * overtook, and one gap in a pipeline has all behind it refused. If each of these began a pipeline
 * anew, messages would multiply.
 */
export function onReject(
  progress: Progress,
  prevLogIndex: Index,
  hintIndex: Index,
  attempt: number,
): boolean {
  if (attempt !== progress.attempt || progress.state === 'snapshot') return false;
  if (progress.state === 'replicate') {
    if (prevLogIndex <= progress.matchIndex) return false;
    giveUpPipeline(progress);
    progress.state = 'probe';
  } else if (prevLogIndex !== progress.nextIndex - 1) {
    return false;
  }
  progress.probing = false;
  progress.nextIndex = Math.max(progress.matchIndex, Math.min(hintIndex, prevLogIndex - 1)) + 1;
  return true;
}

function beginPipeline(progress: Progress): void {
  progress.state = 'replicate';
  progress.probing = false;
  progress.nextIndex = progress.matchIndex + 1;
  progress.inflight = [];
  progress.inflightBytes = 0;
  progress.snapshot = null;
}

function giveUpPipeline(progress: Progress): void {
  progress.attempt++;
  progress.probing = false;
  progress.inflight = [];
  progress.inflightBytes = 0;
}

function free(progress: Progress, matchIndex: Index): void {
  const { inflight } = progress;
  let freed = 0;
  for (const { lastIndex, bytes } of inflight) {
    if (lastIndex > matchIndex) break;
    progress.inflightBytes -= bytes;
    freed++;
  }
  if (freed > 0) inflight.splice(0, freed);
}
