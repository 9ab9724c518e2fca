/** What this thread keeps in memory. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export type Memory = { readonly heapBytes: number; readonly bufferBytes: number };

/** Buffers are freed after the objects that held them. */
const COLLECTIONS = 3;
let collect: (() => void) | null = null;

export function memoryInUse(): Memory {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heapBytes: heapUsed, bufferBytes: arrayBuffers };
}

/** Stops the thread for as long as collecting takes. */
export function memoryAfterCollection(): Memory {
  if (collect === null) {
    // A thread cannot be started with the flag where the process was not.
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  for (let i = 0; i < COLLECTIONS; i++) collect();
  return memoryInUse();
}
