/** How golden scripts show a network: states, logs and disks as text. */
import { describeState } from '../../src/raft/describe.ts';
import { lastIndex } from '../../src/raft/log.ts';
import { electionTimeoutUs } from '../../src/raft/roles.ts';
import type { NodeId, Progress, RaftState } from '../../src/raft/types.ts';
import type { Network, Server } from './network.ts';

export function stateLines(state: RaftState): string[] {
  const lines = [describeState(state)];
  if (state.role.kind === 'leader') lines.push(...state.role.progress.map(progressLine));
  return lines;
}

function progressLine(progress: Progress): string {
  const { id, state, matchIndex, nextIndex, inflight, snapshot } = progress;
  const head = `  ${id} ${state} match=${matchIndex} next=${nextIndex}`;
  if (snapshot !== null) {
    const { acknowledged, index, next, window } = snapshot;
    return `${head} snapshot=${index} acknowledged=${acknowledged} next=${next} window=${window}`;
  }
  return `${head} inflight=[${inflight.map(({ lastIndex: last }) => last).join(' ')}]`;
}

/** The terms of all logs side by side, as in figure 3.6; dots are entries that snapshots cover. */
export function logTable(network: Network): string[] {
  const states = [...network.servers.values()].map((server) => server.state);
  const length = Math.max(...states.map((state) => (state ? lastIndex(state.persistent.log) : 0)));
  const cell = (value: number): string => String(value).padStart(3);
  const indexes = Array.from({ length }, (_, i) => cell(i + 1)).join('');
  const rows = [...network.servers.values()].map(({ id, state }) => {
    if (state === null) return `${id.padEnd(7)}is down`;
    const { baseIndex, entries } = state.persistent.log;
    const gone = '  .'.repeat(baseIndex);
    const terms = gone + entries.map((entry) => cell(entry.term)).join('');
    return `${id.padEnd(7)}${terms.padEnd(length * 3)}   commit=${state.volatile.commitIndex}`;
  });
  return [`index  ${indexes}`.trimEnd(), ...rows];
}

/** The round trip to the voters as it knows it, and what it draws election timeouts from. */
export function timeoutLine(id: NodeId, state: RaftState): string {
  const [lowUs, highUs] = electionTimeoutUs(state);
  return `${id} round trip=${state.volatile.roundTripUs}us timeout=${lowUs}-${highUs}us`;
}

export function diskLine({ disk, id }: Server): string {
  const { currentTerm, entries, queue, snapshot, snapshotQueue, votedFor } = disk;
  const row = entries.map((entry) => `${entry.index}/${entry.term}`).join(' ');
  const { index, term } = snapshot?.meta ?? { index: 0, term: 0 };
  const saved = snapshot === null ? '' : ` snapshot=${index}/${term}`;
  const waiting = snapshotQueue.map(({ image }) => image.meta.index).join(' ');
  return (
    `${id} disk term=${currentTerm} vote=${votedFor ?? 'none'}${saved} log=[${row}]` +
    ` unreported=${queue.length}${waiting === '' ? '' : ` unreported snapshots=[${waiting}]`}`
  );
}
