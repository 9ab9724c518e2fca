/** The thread of the databases: each is opened once, however many threads of a node come and go. */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { serveStorage } from '../../src/storage/port-storage.ts';
import { SqliteStorage } from '../../src/storage/sqlite.ts';

export type StorageOrder =
  | { readonly kind: 'open'; readonly folder: string; readonly port: MessagePort }
  | { readonly kind: 'close'; readonly folder: string };

export type StorageReport = { readonly closed: string };

const storages = new Map<string, Promise<SqliteStorage>>();

async function open(folder: string, port: MessagePort): Promise<void> {
  const opening = storages.get(folder) ?? SqliteStorage.open({ folder, checksum: crc32 });
  storages.set(folder, opening);
  serveStorage(await opening, port);
}

async function close(folder: string): Promise<void> {
  for (const [path, opening] of storages) {
    if (!path.startsWith(folder)) continue;
    storages.delete(path);
    const storage = await opening;
    await new Promise((resolve) => storage.close(resolve));
  }
}

parentPort?.on('message', async (order: StorageOrder) => {
  if (order.kind === 'open') {
    await open(order.folder, order.port);
    return;
  }
  await close(order.folder);
  parentPort?.postMessage({ closed: order.folder } satisfies StorageReport);
});
