/** Where a server under Maelstrom keeps what it must not forget. */
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { MemoryDisk, MemoryStorage } from '../storage/memory.ts';
import { SqliteStorage } from '../storage/sqlite.ts';
import { type Storage, StorageError } from '../storage/storage.ts';
import { UserError } from '../user-error.ts';

/** Throws a UserError for a directory that cannot be used. */
export async function openStorage(
  id: string,
  dataDirectory: string | null,
  log: (text: string) => void,
): Promise<Storage> {
  if (dataDirectory === null) {
    log('all is kept in memory: once killed it must not be started again (MAELSTROM_DATA)');
    return storageInMemory(id);
  }
  try {
    return await SqliteStorage.open({
      folder: join(dataDirectory, id),
      checksum: crc32,
      onFull: (full) => log(full ? 'the disk is full: writes wait for room' : 'room again'),
    });
  } catch (error) {
    throw error instanceof StorageError ? new UserError(error.message) : error;
  }
}

/** Memory that takes no time to write. */
function storageInMemory(id: string): Storage {
  return new MemoryStorage(new MemoryDisk(id, crc32), {
    write: (_bytes, written) => written('durable'),
    tell: (hear) => hear(),
  });
}
