/** Asks one node for a read that it serves itself (§6.4), until it does. */
import { setTimeout as delay } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { RecordWriter, ResultReader } from '../../src/command.ts';
import { decodeResponse, encodeRequest } from '../../src/transport/client-frame.ts';

const AGAIN_AFTER_MS = 20;

/** True once the node has answered with a value that it has applied; false if that took longer. */
export async function servesWithin(
  port: MessagePort,
  key: Uint8Array,
  limitMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const endMs = performance.now() + limitMs;
  let found = false;
  port.on('message', (data: Uint8Array) => {
    found ||= holdsValue(data);
  });
  try {
    for (let requestNumber = 1; !found && performance.now() < endMs; requestNumber++) {
      port.postMessage(requestFor(key, requestNumber));
      await delay(AGAIN_AFTER_MS, undefined, { signal });
    }
    return found;
  } finally {
    port.close();
  }
}

function requestFor(key: Uint8Array, requestNumber: number): Uint8Array {
  const records = new RecordWriter();
  const operation = { kind: 'get', key, value: null, expected: null } as const;
  records.operation(operation, { clientId: 0, requestNumber, lowestPending: requestNumber });
  const batch = records.take();
  return encodeRequest({ kind: 'read', mode: 'follower', count: 1, batch }, crc32);
}

function holdsValue(data: Uint8Array): boolean {
  const response = decodeResponse(data, crc32);
  if (response === null) return false;
  const result = new ResultReader(response.results);
  return result.next() && result.status === 'ok';
}
