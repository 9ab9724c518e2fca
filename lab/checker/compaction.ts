/** When snapshots are taken, and what of the log is kept behind them. */
import { entryBytes } from '../../src/raft/log.ts';
import type { Entry, Index, RaftState } from '../../src/raft/types.ts';
import type { Memory, Step } from './memory.ts';
import { fail } from './properties.ts';

/** How far beyond its bounds a log may grow while a follower is being sent a snapshot. */
const BOUNDS_KEPT = 4;

/** Bytes of what is committed, counted once an entry. */
export class CommittedBytes {
  readonly #committed: () => readonly Entry[];
  /** By index, of all entries up to there. */
  readonly #upTo = [0];

  /** `committed`: all that was ever committed, from entry 1 on. */
  constructor(committed: () => readonly Entry[]) {
    this.#committed = committed;
  }

  /** Of the entries behind `from` up to `to`, as far as these are committed. */
  between(from: Index, to: Index): number {
    const upTo = this.#upTo;
    if (to >= upTo.length) {
      const committed = this.#committed();
      for (let i = upTo.length; i <= committed.length; i++) {
        upTo.push((upTo[i - 1] as number) + entryBytes(committed[i - 1] as Entry));
      }
    }
    const last = upTo.length - 1;
    return (upTo[Math.min(to, last)] as number) - (upTo[Math.min(from, last)] as number);
  }
}

export function checkSnapshots(step: Step, memory: Memory, committed: CommittedBytes): void {
  const { effects, input, state } = step;
  const isOwn = input.kind === 'applied' || input.kind === 'snapshotSaved';
  if (effects.length === 0 && !isOwn) return;
  let takes = false;
  let installs = false;
  for (const { kind } of effects) {
    if (kind === 'takeSnapshot') takes = true;
    else if (kind === 'install') installs = true;
  }
  if (input.kind === 'snapshotSaved' || installs) memory.taking = false;
  if (takes) checkTaken(step, memory, committed);
  else if (input.kind === 'applied') checkDue(state, memory);
  memory.taking ||= takes;
  if (state.persistent.snapshot !== memory.snapshot && !installs) {
    checkKept(state, memory, committed);
  }
}

// ---- Taking -------------------------------------------------------------------------------------

/** §5.1.3: a snapshot is taken when the log has grown to its bound, or when somebody asks. */
function checkTaken({ input, state }: Step, memory: Memory, committed: CommittedBytes): void {
  const { persistent, settings, volatile } = state;
  const from = persistent.snapshot?.index ?? 0;
  const entries = volatile.lastApplied - from;
  const takes = `${state.id} takes a snapshot`;
  if (memory.taking) fail('snapshotWhenDue', `${takes} while it is taking one`);
  if (entries <= 0) fail('snapshotWhenDue', `${takes} and has applied nothing since the last one`);
  if (input.kind === 'snapshotNow' || entries >= settings.snapshotEntries) return;
  const bytes = committed.between(from, volatile.commitIndex);
  if (input.kind === 'applied' && bytes >= settings.snapshotBytes) return;
  fail('snapshotWhenDue', `${takes} for ${input.kind}, after ${entries} entries of ${bytes} bytes`);
}

function checkDue({ id, persistent, role, settings, volatile }: RaftState, memory: Memory): void {
  const latest = memory.configuration;
  // Who joins knows of nobody yet.
  if (memory.taking || latest.voters.length === 0) return;
  const times = role.kind === 'leader' ? BOUNDS_KEPT : 1;
  const entries = volatile.lastApplied - (persistent.snapshot?.index ?? 0);
  const bytes = volatile.bytesSinceSnapshot;
  const isDue =
    entries >= times * settings.snapshotEntries || bytes >= times * settings.snapshotBytes;
  if (!isDue || entries <= 0 || persistent.log.configurations[0]?.configuration === undefined)
    return;
  if (persistent.log.configurations[0].configuration.voters.length === 0) return;
  fail('snapshotWhenDue', `${id} takes no snapshot after ${entries} entries of ${bytes} bytes`);
}

// ---- Keeping ------------------------------------------------------------------------------------

/** Of what the snapshot covers as much is kept as is set, and no more. O(entries kept). */
function checkKept(state: RaftState, memory: Memory, committed: CommittedBytes): void {
  const { id, persistent, settings, volatile } = state;
  const { log, snapshot } = persistent;
  if (snapshot === null) return;
  const lowest = Math.max(memory.baseIndex, snapshot.index - settings.keptEntries);
  let due = snapshot.index;
  while (due > lowest && committed.between(due - 1, snapshot.index) <= settings.keptBytes) due--;
  if (log.baseIndex !== due) {
    const where = `where it is to begin behind ${due}`;
    fail('logKept', `${id} has its log behind entry ${log.baseIndex}, ${where}`);
  }
  const since = committed.between(snapshot.index, volatile.commitIndex);
  if (volatile.bytesSinceSnapshot !== since) {
    const counts = `counts ${volatile.bytesSinceSnapshot} of ${since} bytes`;
    fail('logKept', `${id} ${counts} since its snapshot`);
  }
  checkConfigurations(state);
}

/** §5.1: the snapshot's configuration, and the later ones of the log. O(configurations). */
function checkConfigurations({ id, persistent }: RaftState): void {
  let before = -1;
  for (const { index } of persistent.log.configurations) {
    if (index <= before) {
      fail('logKept', `${id} has a configuration of entry ${index} behind that of ${before}`);
    }
    before = index;
  }
}
