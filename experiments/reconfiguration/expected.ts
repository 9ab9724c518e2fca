/**
 * How long newcomers should take to catch up, from nothing but the model: a snapshot goes in
 * chunks, of which one more may be under way with each that has been received, and then what was
 * written since.
 */
import { CHUNKS_MAX } from '../../src/raft/progress.ts';
import {
  BEFORE_MS,
  type Cell,
  CHUNK_BYTES,
  type Change,
  hasNewcomers,
  LINK,
  SERVERS,
  VALUE_BYTES,
  WRITES_PER_SECOND,
} from './setup.ts';

const BYTES_PER_MB = 1_000_000;
const MS_PER_S = 1000;

export function newcomersOf(change: Change): number {
  if (!hasNewcomers(change)) return 0;
  return change === 'replace-two' ? 2 : 1;
}

/** In milliseconds; of a change by which nobody comes, nothing. */
export function expectedCatchUpMs({ change, megabytesPerSecond, stateMb }: Cell): number {
  const newcomers = newcomersOf(change);
  if (newcomers === 0) return 0;
  // What the writes of the clients leave of the line.
  const taken = WRITES_PER_SECOND * VALUE_BYTES * (SERVERS - 1);
  const bytesPerMs = (megabytesPerSecond * BYTES_PER_MB - taken) / MS_PER_S;
  const roundTripMs = 2 * LINK.delayMs;
  const sendingMs = CHUNK_BYTES / bytesPerMs;
  // A window goes out in one round trip, or as long as the line needs for those of all newcomers.
  let chunksMs = 0;
  let left = Math.ceil((stateMb * BYTES_PER_MB) / CHUNK_BYTES);
  for (let window = 1; left > 0; window = Math.min(CHUNKS_MAX, 2 * window)) {
    const sent = Math.min(window, left);
    chunksMs += Math.max(newcomers * sent * sendingMs, sendingMs + roundTripMs);
    left -= sent;
  }
  const since = (WRITES_PER_SECOND * VALUE_BYTES * BEFORE_MS) / MS_PER_S;
  return chunksMs + (newcomers * since) / bytesPerMs + 2 * roundTripMs;
}
