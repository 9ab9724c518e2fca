/** The first moments of one partition as a space-time picture. */
import { spaceTimeSvg } from '../../lab/report/space-time.ts';
import type { Trace, TracedMessage } from '../../lab/trace.ts';
import { type Cell, Partition } from './partition.ts';

export const BEFORE_MS = 30;
export const AFTER_MS = 500;
/** Of entries and heartbeats, each link shows one in so long: under load they hide all else. */
export const APART_MS = 250;
const US_PER_MS = 1000;

/** Runs the trial again, as far as the picture reaches. */
export function pictureOf(cell: Cell, seed: number, title: string): string {
  const partition = new Partition(cell, seed, true);
  partition.begin();
  const { cluster, endMs, onsetMs } = partition;
  const untilMs = Math.min(onsetMs + AFTER_MS, endMs);
  cluster.runUntil(untilMs);
  const trace = cluster.tracer.end();
  if (trace === null) throw new Error('the run kept no trace');
  const fromUs = Math.round((onsetMs - BEFORE_MS) * US_PER_MS);
  const toUs = Math.round(untilMs * US_PER_MS);
  return spaceTimeSvg(thinned(trace, fromUs), { fromUs, toUs, title });
}

/** All votes, but of entries and heartbeats few, each with its answer and the commits it brings. */
function thinned(trace: Trace, fromUs: number): Trace {
  const isDue = pacer(APART_MS * US_PER_MS);
  const arrivals = new Set<string>();
  const messages = trace.messages.filter((message) => {
    const { arrivedUs, from, kind, sentUs, to } = message;
    // Not drawn, and counted.
    if (sentUs < fromUs) return true;
    const isAppend = kind === 'AppendEntries';
    const isKept = isAppend
      ? isDue(`${from} ${to} ${message.term}`, sentUs)
      : kind !== 'AppendEntriesResponse' || arrivals.has(`${from} ${sentUs}`);
    if (isKept && isAppend && arrivedUs !== null) arrivals.add(moment(message));
    return isKept;
  });
  const isShown = pacer(APART_MS * US_PER_MS);
  const ends = new Set(messages.map(moment));
  const commits = trace.commits.filter(({ atUs, node }) => {
    return ends.has(`${node} ${atUs}`) && isShown(node, atUs);
  });
  return { ...trace, messages, commits };
}

function moment({ arrivedUs, to }: TracedMessage): string {
  return `${to} ${arrivedUs}`;
}

/** Says of each stream's events which are so far apart. */
function pacer(apartUs: number): (stream: string, atUs: number) => boolean {
  const last = new Map<string, number>();
  return (stream, atUs) => {
    const before = last.get(stream);
    if (before !== undefined && atUs - before < apartUs) return false;
    last.set(stream, atUs);
    return true;
  };
}
