/** The one thread that keeps the databases of all clusters open; it ends with the process. */

import type { MessagePort } from 'node:worker_threads';
import { Worker } from 'node:worker_threads';
import type { StorageOrder, StorageReport } from './storage-worker.ts';

let thread: Worker | null = null;

/** Has a PortStorage on the other end of `port` served from the database in `folder`. */
export function openStorage(folder: string, port: MessagePort): void {
  order({ kind: 'open', folder, port }, [port]);
}

/** Closes all databases below `folder`. */
export function closeStorages(folder: string): Promise<void> {
  const worker = running();
  return new Promise((resolve) => {
    const hear = (report: StorageReport): void => {
      if (report.closed !== folder) return;
      worker.off('message', hear);
      resolve();
    };
    worker.on('message', hear);
    order({ kind: 'close', folder }, []);
  });
}

function order(message: StorageOrder, transferred: MessagePort[]): void {
  running().postMessage(message, transferred);
}

function running(): Worker {
  if (thread === null) {
    thread = new Worker(new URL('./storage-worker.ts', import.meta.url));
    thread.unref();
  }
  return thread;
}
