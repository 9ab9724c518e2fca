/**
 * A leader's view of one follower, and every way it changes (§3.5, §10.2.2; the states are etcd's).
 *
 *   probe ──(a message matched)──> replicate
 *     ^                               │
 *     └────────(one was refused)──────┘
 */
import type { Index, NodeId, Progress } from './types.ts';

/** §3.5: "it initializes all nextIndex values to the index just after the last one in its log". */
export function createProgress(id: NodeId, lastLogIndex: Index): Progress {
  return {
    id,
    state: 'probe',
    matchIndex: 0,
    nextIndex: lastLogIndex + 1,
    inflight: [],
    probing: false,
    attempt: 0,
    active: true,
    readRound: 0,
  };
}

/** May entries be sent now? */
export function mayAppend(progress: Progress, windowMessages: number): boolean {
  if (progress.state === 'probe') return !progress.probing;
  return progress.inflight.length < windowMessages;
}

/** An AppendEntries whose last entry is `lastSent` has left. */
export function onSent(progress: Progress, lastSent: Index): void {
  if (progress.state === 'probe') {
    progress.probing = true;
    return;
  }
  // Optimistic: the next message follows on without waiting for this one's response.
  progress.nextIndex = lastSent + 1;
  progress.inflight.push(lastSent);
}

/** A heartbeat is due: a probe that got no response may be repeated. */
export function onHeartbeat(progress: Progress): void {
  progress.probing = false;
}

/** The follower holds everything up to `matchIndex`. True if that was news. */
export function onMatch(progress: Progress, matchIndex: Index, attempt: number): boolean {
  const news = matchIndex > progress.matchIndex;
  if (news) progress.matchIndex = matchIndex;
  progress.nextIndex = Math.max(progress.nextIndex, progress.matchIndex + 1);
  if (progress.state === 'probe') {
    // A late answer to the pipeline that was given up is not what the probe has asked for.
    if (attempt !== progress.attempt) return news;
    progress.state = 'replicate';
    progress.probing = false;
    progress.nextIndex = progress.matchIndex + 1;
    progress.inflight = [];
    return news;
  }
  let freed = 0;
  while (freed < progress.inflight.length && (progress.inflight[freed] as Index) <= matchIndex) {
    freed++;
  }
  if (freed > 0) progress.inflight.splice(0, freed);
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
  if (attempt !== progress.attempt) return false;
  if (progress.state === 'replicate') {
    if (prevLogIndex <= progress.matchIndex) return false;
    progress.state = 'probe';
    progress.attempt++;
    progress.inflight = [];
  } else if (prevLogIndex !== progress.nextIndex - 1) {
    return false;
  }
  progress.probing = false;
  progress.nextIndex = Math.max(progress.matchIndex, Math.min(hintIndex, prevLogIndex - 1)) + 1;
  return true;
}
