/**
 * How long newcomers should take to catch up, from nothing but the model: a snapshot goes chunk by
 * chunk, the next one when the last has been received, and then what was written since.
 */
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
  // Chunks for others go while one waits for its answer, as long as the line has room.
  const perChunkMs = Math.max(newcomers * sendingMs, sendingMs + roundTripMs);
  const chunks = Math.ceil((stateMb * BYTES_PER_MB) / CHUNK_BYTES);
  const since = (WRITES_PER_SECOND * VALUE_BYTES * BEFORE_MS) / MS_PER_S;
  return chunks * perChunkMs + (newcomers * since) / bytesPerMs + 2 * roundTripMs;
}
