/**
 * What a log entry costs in memory while it is kept: heap and buffers, after a forced collection.
 */
import { step } from '../../src/raft/raft.ts';
import { createLeader, encodedPuts } from './micro.ts';

export type EntryMemory = {
  readonly commandsPerEntry: number;
  readonly entries: number;
  /** The entry itself and its place in the log, without the bytes of its commands. */
  readonly heapBytesPerEntry: number;
  /** The commands' bytes. */
  readonly bufferBytesPerEntry: number;
};

/** Appends entries to a leader of one and weighs it. Needs `--expose-gc`. */
export function weighEntries(entries: number, commandsPerEntry: number): EntryMemory {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('start node with --expose-gc to weigh the log');
  // Buffers are freed after the objects that held them.
  const collect = (): void => {
    for (let i = 0; i < 3; i++) gc();
  };
  const leader = createLeader(['n1']);
  const template = encodedPuts(commandsPerEntry, 0);
  collect();
  const before = process.memoryUsage();
  for (let i = 0; i < entries; i++) {
    const nowUs = 1_000_000 + i;
    step(leader, { nowUs, kind: 'propose', id: i, command: template.slice() });
    const sequence = leader.volatile.persistSequence;
    for (const effect of step(leader, { nowUs, kind: 'persisted', sequence })) {
      if (effect.kind === 'apply') step(leader, { nowUs, kind: 'applied', index: i + 2 });
    }
  }
  collect();
  const after = process.memoryUsage();
  if (leader.persistent.log.entries.length < entries) throw new Error('the log is not complete');
  return {
    commandsPerEntry,
    entries,
    heapBytesPerEntry: Math.round((after.heapUsed - before.heapUsed) / entries),
    bufferBytesPerEntry: Math.round((after.arrayBuffers - before.arrayBuffers) / entries),
  };
}
