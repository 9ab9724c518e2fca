/**
 * Chance as data: a seeded generator whose whole state is four 32-bit numbers (xoshiro128**,
 * Blackman and Vigna 2018). Integer arithmetic only, so every machine draws the same sequence.
 *
 * Each purpose forks its own named stream (`fork(seed, 'link n1->n2')`), so that taking one fault
 * away leaves the draws of all others as they were.
 */
export type RandomState = [number, number, number, number];

/** Uniform over 0 … 2^32 - 1; advances `rng`. */
export function nextUint32(rng: RandomState): number {
  const b = rng[1];
  const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
  const shifted = b << 9;
  rng[2] ^= rng[0];
  rng[3] ^= b;
  rng[1] ^= rng[2];
  rng[0] ^= rng[3];
  rng[2] ^= shifted;
  rng[3] = rotateLeft(rng[3], 11);
  return result;
}

/** Uniform integer in [low, high], both included; the range must not exceed 2^32 - 1. */
export function between(rng: RandomState, low: number, high: number): number {
  // Multiply-shift instead of modulo: the bias is below 2^-32 per value whatever the range.
  return low + Math.floor((nextUint32(rng) / 0x1_0000_0000) * (high - low + 1));
}

/** True with the given probability (0 … 1). */
export function chance(rng: RandomState, probability: number): boolean {
  if (probability <= 0) return false;
  return nextUint32(rng) < probability * 0x1_0000_0000;
}

/** A uniformly chosen element; the array must not be empty. */
export function pick<T>(rng: RandomState, items: readonly T[]): T {
  const item = items[between(rng, 0, items.length - 1)];
  if (item === undefined) throw new Error('pick: expected a non-empty array');
  return item;
}

/** An independent stream for a named purpose: the same seed and name give the same stream. */
export function fork(seed: number, name: string): RandomState {
  // FNV-1a over the name, then splitmix-style finalising rounds to fill the four words.
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  }
  let high = Math.floor(seed / 0x1_0000_0000) >>> 0;
  const word = (): number => {
    hash = (hash + 0x9e3779b9) >>> 0;
    high = Math.imul(high ^ hash, 0x85ebca6b) >>> 0;
    let z = (hash ^ high) >>> 0;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  return [word(), word(), word(), word() | 1];
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}
