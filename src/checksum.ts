/** CRC-32 (or a checksum as strong) of the bytes; passed in, so that what uses it runs anywhere. */
export type Checksum = (bytes: Uint8Array) => number;
