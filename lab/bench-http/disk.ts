/** What the disk under the data costs: without it nobody can read the numbers of durable writes. */
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export type Disk = {
  /** Of a write of 4 KiB at the end of a file, and its fsync. */
  readonly syncMsP50: number;
  readonly syncMsP99: number;
  /** Memory with the face of a disk: fsync does nothing there. */
  readonly inMemory: boolean;
};

const SYNCS = 200;
const BLOCK_BYTES = 4096;
/** The type that statfs(2) tells of tmpfs. */
const TMPFS = 0x01021994;

export function probeDisk(directory: string): Disk {
  const path = join(directory, 'sync-probe');
  const file = openSync(path, 'wx');
  try {
    const block = Buffer.alloc(BLOCK_BYTES, 'x');
    const samples = Array.from({ length: SYNCS }, () => {
      const startMs = performance.now();
      writeSync(file, block);
      fsyncSync(file);
      return performance.now() - startMs;
    }).sort((a, b) => a - b);
    return {
      syncMsP50: rounded(samples[SYNCS * 0.5]),
      syncMsP99: rounded(samples[SYNCS * 0.99]),
      inMemory: statfsSync(directory).type === TMPFS,
    };
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

function rounded(ms: number | undefined): number {
  return Number((ms ?? 0).toPrecision(3));
}
