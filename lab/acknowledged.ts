/** Which writes clients were told of as done: what the audit holds against the log. */

/**
 * Notes a write as done in `acknowledged`, which has for each client, counted from 0, a byte per
 * request number; that of the client is replaced by a longer one when it is full.
 */
export function acknowledge(
  acknowledged: Uint8Array[],
  client: number,
  requestNumber: number,
): void {
  let told = acknowledged[client] as Uint8Array;
  if (requestNumber >= told.byteLength) {
    const grown = new Uint8Array(Math.max(told.byteLength * 2, requestNumber + 1));
    grown.set(told);
    acknowledged[client] = grown;
    told = grown;
  }
  told[requestNumber] = 1;
}
