/**
 * The highest sequence number that was reported durable, in a file beside the records: a database
 * that has lost its last commits looks sound by itself (see `recovery.ts`).
 *
 *   file   slot · padding · slot · padding, 512 bytes each
 *   slot   checksum 4 · sequence 8
 *
 * The slots are written in turns, so that one is whole whatever happens to the other. The file is
 * synced when it is made, with the number 0 in its first slot, before anything is stored: so
 * whatever happens later a slot is whole, and a file without one was damaged. No note is synced:
 * what a killed process has written the system still has, and an older number, which a power
 * failure may leave, only asks for less.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  write,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';
import type { Checksum } from './records.ts';
import { brokenPromise } from './recovery.ts';

const writeAside = promisify(write);

const SLOTS = 2;
/** What a disk writes as a whole. */
const SLOT_BYTES = 512;
const RECORD_BYTES = 12;
const CHECKSUM_BYTES = 4;
const FILE_BYTES = SLOTS * SLOT_BYTES;

export class AcknowledgedFile {
  readonly #file: number;
  readonly #checksum: Checksum;
  /** -1: no slot is whole. */
  #sequence = -1;
  #nextSlot = 0;

  /**
   * Beside a blank database the file is made where it is missing, or where a crash left it half
   * made; beside any other, that it is missing or unreadable throws StorageError.
   */
  constructor(path: string, checksum: Checksum, isBlank: boolean) {
    this.#checksum = checksum;
    this.#file = openFile(path, isBlank);
    try {
      const { size } = fstatSync(this.#file);
      if (size >= FILE_BYTES) for (let slot = 0; slot < SLOTS; slot++) this.#readSlot(slot);
      if (this.#sequence >= 0) return;
      if (!isBlank) {
        throw brokenPromise(
          size < FILE_BYTES
            ? `${path} has ${size} bytes instead of ${FILE_BYTES}, beside a database in use`
            : `${path} is damaged, beside a database in use`,
        );
      }
      // At its full size: a note must not need room.
      writeAt(this.#file, new Uint8Array(FILE_BYTES), 0);
      this.note(0);
      fsyncSync(this.#file);
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  /** 0 if nothing was noted. */
  get sequence(): number {
    return this.#sequence;
  }

  note(sequence: number): void {
    if (sequence <= this.#sequence) return;
    writeAt(this.#file, this.#recordOf(sequence), this.#nextSlot * SLOT_BYTES);
    this.#noted(sequence);
  }

  /**
   * The same off the caller's thread, one after the other: while others sync to the disk, a write
   * of a few bytes that is not synced may take as long as theirs.
   */
  async noteAside(sequence: number): Promise<void> {
    if (sequence <= this.#sequence) return;
    const record = this.#recordOf(sequence);
    const at = this.#nextSlot * SLOT_BYTES;
    for (let done = 0; done < RECORD_BYTES; ) {
      const rest = RECORD_BYTES - done;
      done += (await writeAside(this.#file, record, done, rest, at + done)).bytesWritten;
    }
    this.#noted(sequence);
  }

  #recordOf(sequence: number): Uint8Array {
    const record = new Uint8Array(RECORD_BYTES);
    const view = new DataView(record.buffer);
    view.setFloat64(CHECKSUM_BYTES, sequence, true);
    view.setUint32(0, this.#checksum(record.subarray(CHECKSUM_BYTES)), true);
    return record;
  }

  #noted(sequence: number): void {
    this.#sequence = sequence;
    this.#nextSlot = (this.#nextSlot + 1) % SLOTS;
  }

  close(): void {
    closeSync(this.#file);
  }

  #readSlot(slot: number): void {
    const record = new Uint8Array(RECORD_BYTES);
    readSync(this.#file, record, 0, RECORD_BYTES, slot * SLOT_BYTES);
    const view = new DataView(record.buffer);
    if (view.getUint32(0, true) !== this.#checksum(record.subarray(CHECKSUM_BYTES))) return;
    const sequence = view.getFloat64(CHECKSUM_BYTES, true);
    if (!(sequence > this.#sequence)) return;
    this.#sequence = sequence;
    this.#nextSlot = (slot + 1) % SLOTS;
  }
}

function openFile(path: string, isBlank: boolean): number {
  try {
    return openSync(path, constants.O_RDWR | (isBlank ? constants.O_CREAT : 0));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw brokenPromise(`${path} is missing, beside a database in use`);
    if (code === 'EISDIR') throw brokenPromise(`${path} is a directory, beside a database`);
    throw error;
  }
}

function writeAt(file: number, bytes: Uint8Array, at: number): void {
  let written = 0;
  while (written < bytes.byteLength) {
    written += writeSync(file, bytes, written, bytes.byteLength - written, at + written);
  }
}
