/**
 * The disks of a cluster of threads. They outlive the threads that use them: in shared memory,
 * which is durable as long as the process lives, or as databases in a folder, which a thread of
 * their own keeps open.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { PortStorage } from '../../src/storage/port-storage.ts';
import { createDisk, readDisk, type SharedDisk } from '../../src/storage/shared.ts';
import type { Stored } from '../../src/storage/storage.ts';
import type { StorageKind } from '../cluster.ts';
import { closeStorages, openStorage } from './storage-thread.ts';

/** What a node's thread is given of a disk. */
export type DiskEnd =
  | { readonly kind: 'shared'; readonly disk: SharedDisk }
  | { readonly kind: 'port'; readonly port: MessagePort };

export interface Disk {
  /** For the node's next thread; the last one is gone. */
  open(): DiskEnd;
  /** All that is durable. */
  read(): Promise<Stored>;
}

export class Disks {
  readonly #kind: StorageKind;
  #folder: string | null = null;
  #count = 0;

  constructor(kind: StorageKind) {
    this.#kind = kind;
  }

  blank(): Disk {
    if (this.#kind === 'memory') {
      const disk = createDisk();
      return { open: () => ({ kind: 'shared', disk }), read: async () => readDisk(disk) };
    }
    this.#folder ??= mkdtempSync(join(tmpdir(), 'raft-lab-disks-'));
    const folder = join(this.#folder, `disk-${++this.#count}`);
    const connect = (): MessagePort => {
      const { port1, port2 } = new MessageChannel();
      openStorage(folder, port2);
      return port1;
    };
    return { open: () => ({ kind: 'port', port: connect() }), read: () => readThrough(connect()) };
  }

  /** Nobody uses them any more. */
  async remove(): Promise<void> {
    const folder = this.#folder;
    if (folder === null) return;
    this.#folder = null;
    await closeStorages(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

function readThrough(port: MessagePort): Promise<Stored> {
  const storage = new PortStorage(port);
  return new Promise((resolve, reject) => {
    storage.load((error, stored) => {
      storage.close(() => {});
      if (error === null) resolve(stored);
      else reject(error);
    });
  });
}
