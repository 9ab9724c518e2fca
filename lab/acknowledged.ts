/** Which writes clients were told of as done, or not done: what an audit holds against the log. */

/** By client id, a byte per request number: 1 where a write was acknowledged. */
export type Acknowledged = Map<number, Uint8Array>;

const FIRST_REQUESTS = 64;

/** Notes a write of which a client was told. Amortised O(1). */
export function acknowledge(
  acknowledged: Acknowledged,
  clientId: number,
  requestNumber: number,
): void {
  let told = acknowledged.get(clientId);
  if (told === undefined || requestNumber >= told.byteLength) {
    const length = Math.max(FIRST_REQUESTS, (told?.byteLength ?? 0) * 2, requestNumber + 1);
    const grown = new Uint8Array(length);
    if (told !== undefined) grown.set(told);
    acknowledged.set(clientId, grown);
    told = grown;
  }
  told[requestNumber] = 1;
}
