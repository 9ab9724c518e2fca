/**
 * The checksum of the simulator's frames and disks: FNV-1a, 32 bits. Weaker than the CRC-32 of
 * real hosts, and enough here: every step of it is one-to-one, so a single flipped bit always
 * shows. In plain arithmetic it costs less than the call of a native one on frames this short.
 */
export function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.byteLength; i++) {
    hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  }
  return hash >>> 0;
}
