/**
 * The highest sequence number that was reported durable, in a file beside the records: a database
 * that has lost its last commits looks sound by itself (see `recovery.ts`).
 *
 *   file   slot · padding · slot · padding, 512 bytes each
 *   slot   checksum 4 · sequence 8
 *
 * The slots are written in turns, so that one is whole whatever happens to the other. Nothing is
 * synced: what a killed process has written the system still has, and an older number, which a
 * power failure may leave, only asks for less.
 */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import type { Checksum } from './records.ts';

const SLOTS = 2;
/** What a disk writes as a whole. */
const SLOT_BYTES = 512;
const RECORD_BYTES = 12;
const CHECKSUM_BYTES = 4;

export class AcknowledgedFile {
  readonly #file: number;
  readonly #checksum: Checksum;
  #sequence = 0;
  #nextSlot = 0;

  /** Makes the file if it is missing, at its full size: a note must not need room. */
  constructor(path: string, checksum: Checksum) {
    this.#checksum = checksum;
    this.#file = openSync(path, constants.O_RDWR | constants.O_CREAT);
    try {
      const missing = SLOTS * SLOT_BYTES - fstatSync(this.#file).size;
      if (missing > 0) writeAt(this.#file, new Uint8Array(missing), SLOTS * SLOT_BYTES - missing);
      for (let slot = 0; slot < SLOTS; slot++) this.#readSlot(slot);
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  /** 0 if nothing was noted, or no slot is whole. */
  get sequence(): number {
    return this.#sequence;
  }

  note(sequence: number): void {
    if (sequence <= this.#sequence) return;
    const record = new Uint8Array(RECORD_BYTES);
    const view = new DataView(record.buffer);
    view.setFloat64(CHECKSUM_BYTES, sequence, true);
    view.setUint32(0, this.#checksum(record.subarray(CHECKSUM_BYTES)), true);
    writeAt(this.#file, record, this.#nextSlot * SLOT_BYTES);
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
    if (sequence <= this.#sequence) return;
    this.#sequence = sequence;
    this.#nextSlot = (slot + 1) % SLOTS;
  }
}

function writeAt(file: number, bytes: Uint8Array, at: number): void {
  let written = 0;
  while (written < bytes.byteLength) {
    written += writeSync(file, bytes, written, bytes.byteLength - written, at + written);
  }
}
