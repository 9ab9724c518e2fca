import { between, chance, fork, nextUint32, type RandomState } from '../raft/random.ts';
import { drawJitterUs } from './distributions.ts';

/** Settings of one directed link, as data. (The model follows below.) */
export type LinkSettings = {
  /** Overall probability that a message is lost, 0 … 1. */
  loss: number;
  /**
   * 0: losses are independent. Otherwise the Gilbert-Elliott model: the mean number of messages a
   * bad spell lasts; its frequency follows from `loss` and `burstLoss`.
   */
  burst: number;
  /** Probability of loss within a bad spell, 0 … 1 (1 is the simple Gilbert model). */
  burstLoss: number;
  /** Probability that a second copy is sent. */
  duplicate: number;
  delayMs: number;
  jitterMs: number;
  distribution: 'constant' | 'uniform' | 'normal' | 'pareto';
  /** Probability that a message skips the delay and so overtakes others (`tc netem reorder`). */
  reorder: number;
  /** Correlation of successive reorder draws, 0 … 1 (`tc netem`). */
  correlation: number;
  /** Probability that one bit of the frame is flipped. */
  corrupt: number;
  /** Rate limit; `null` is unlimited. */
  bytesPerSecond: number | null;
  /** Bytes that may wait behind the rate limit; what comes on top is dropped. */
  queueBytes: number;
  /** The link carries nothing in this direction. */
  cut: boolean;
};

// What one directed link does to a message, in the order of `tc netem` (net/sched/sch_netem.c) and
// the same on every host. Where the model leaves netem, a comment says so and why.
//
//  offered ──> copy? ──> lost? cut? ──> bit flipped? ──> rate limit ──> delay ± jitter ──> arrives
//                                                        overflowed?    reordered: skipped
//
// Every message takes the same number of draws from a fault's streams whatever becomes of it, and
// the copy draws from streams of its own. So for the same messages, a run without one of the faults
// has all other faults where they were; only the wait for the rate limit depends on what passed.

/** A link without faults, and what a setting left out stands for. */
export const PERFECT: LinkSettings = Object.freeze({
  loss: 0,
  burst: 0,
  burstLoss: 1,
  duplicate: 0,
  delayMs: 0,
  jitterMs: 0,
  distribution: 'uniform',
  reorder: 0,
  correlation: 0,
  corrupt: 0,
  bytesPerSecond: null,
  queueBytes: 1_048_576,
  cut: false,
});

/** Invariant: sent + duplicated = delivered + lost + cut + overflowed. */
export type LinkCounters = {
  /** Messages offered, whatever became of them; copies are not among them. */
  sent: number;
  bytesSent: number;
  lost: number;
  cut: number;
  /** Dropped because too much waited behind the rate limit. */
  overflowed: number;
  /** Copies made; a copy may itself be lost, cut or overflow. */
  duplicated: number;
  /** Delivered ahead of their turn by `reorder`; what jitter alone reorders is not counted. */
  reordered: number;
  /** Delivered with a flipped bit. */
  corrupted: number;
};

/** One stream per purpose, for the messages offered or for their copies. */
type Draws = {
  loss: RandomState;
  delay: RandomState;
  reorder: RandomState;
  /** The last reorder value, on which the next one leans when draws are correlated. */
  reorderLast: number;
  corrupt: RandomState;
};

/** All that a link remembers between messages: plain data, so it clones and crosses threads. */
export type LinkState = {
  duplicate: RandomState;
  original: Draws;
  copy: Draws;
  /** Gilbert-Elliott: within a bad spell. */
  bad: boolean;
  /** When the rate limiter last accepted a message, and how long it was busy from then on. */
  acceptedAtUs: number;
  /** A fraction, or short messages would round away; a sum with the clock has no room for one. */
  busyUs: number;
  /** Mean rate at which what waits now is sent; differs from the settings after these changed. */
  drainBytesPerUs: number;
  counters: LinkCounters;
};

/** A copy of the message on its way. */
export type Delivery = {
  delayUs: number;
  /** Index of the bit to flip in the frame; -1 leaves it intact. */
  corruptBit: number;
};

const PASSED: readonly Delivery[] = Object.freeze([Object.freeze({ delayUs: 0, corruptBit: -1 })]);
const NOTHING: readonly Delivery[] = Object.freeze([]);

/** A fresh link; the same seed and name (such as `n1->n2`) draw the same faults. */
export function createLink(seed: number, name: string): LinkState {
  return {
    duplicate: fork(seed, `link ${name} duplicate`),
    original: createDraws(seed, `link ${name}`),
    copy: createDraws(seed, `link ${name} copy`),
    bad: false,
    acceptedAtUs: 0,
    busyUs: 0,
    drainBytesPerUs: 0,
    counters: {
      sent: 0,
      bytesSent: 0,
      lost: 0,
      cut: 0,
      overflowed: 0,
      duplicated: 0,
      reordered: 0,
      corrupted: 0,
    },
  };
}

function createDraws(seed: number, name: string): Draws {
  const reorder = fork(seed, `${name} reorder`);
  return {
    loss: fork(seed, `${name} loss`),
    delay: fork(seed, `${name} delay`),
    // netem starts the correlated sequence at a random value too (init_crandom).
    reorderLast: nextUint32(reorder),
    reorder,
    corrupt: fork(seed, `${name} corrupt`),
  };
}

/**
 * What arrives of a message offered now: nothing, the message, or the message and a copy, in that
 * order. Changes only `link`. `settings` may differ from call to call; `nowUs` must not fall.
 *
 * A copy is a message of its own with its own loss, corruption and delay, but is not copied again
 * (netem re-enqueues it with duplication off). Unlike netem, where losing a duplicated message only
 * takes the copy away, both may be lost: a link that duplicates is no more reliable for it.
 */
export function deliveries(
  settings: LinkSettings,
  link: LinkState,
  nowUs: number,
  bytes: number,
): readonly Delivery[] {
  link.counters.sent++;
  link.counters.bytesSent += bytes;
  if (isPerfect(settings)) return PASSED;
  const duplicated = chance(link.duplicate, settings.duplicate);
  stepSpell(settings, link);
  const message = transmit(settings, link, link.original, nowUs, bytes);
  if (!duplicated) return message === null ? NOTHING : [message];
  link.counters.duplicated++;
  const copy = transmit(settings, link, link.copy, nowUs, bytes);
  if (message === null) return copy === null ? NOTHING : [copy];
  return copy === null ? [message] : [message, copy];
}

/** Bytes accepted and still waiting behind the rate limit; nothing waits where there is none. */
export function queuedBytes(settings: LinkSettings, link: LinkState, nowUs: number): number {
  if (settings.bytesPerSecond === null) return 0;
  return Math.floor(busyForUs(link, nowUs) * link.drainBytesPerUs + 0.5);
}

/** A copy of the frame with one bit flipped: what `corruptBit` of a delivery asks for. */
export function withBitFlipped(
  data: Uint8Array<ArrayBuffer>,
  bit: number,
): Uint8Array<ArrayBuffer> {
  const damaged = data.slice();
  const at = bit >>> 3;
  damaged[at] = (damaged[at] ?? 0) ^ (1 << (bit & 7));
  return damaged;
}

/** Messages and copies that did not arrive. */
export function dropped(counters: LinkCounters): number {
  return counters.lost + counters.cut + counters.overflowed;
}

// Reads the fields each time: settings may be changed in place, so identity says nothing.
function isPerfect(settings: LinkSettings): boolean {
  return (
    settings.loss === 0 &&
    settings.duplicate === 0 &&
    settings.delayMs === 0 &&
    settings.jitterMs === 0 &&
    settings.reorder === 0 &&
    settings.corrupt === 0 &&
    settings.bytesPerSecond === null &&
    !settings.cut
  );
}

/** One message's way through the link, or null if it is dropped. */
function transmit(
  settings: LinkSettings,
  link: LinkState,
  draws: Draws,
  nowUs: number,
  bytes: number,
): Delivery | null {
  // All chance is drawn before any of it is acted on, so that no fault shifts another's stream.
  const lost = drawLoss(settings, link.bad, draws.loss);
  const corruptBit = drawCorruptBit(draws.corrupt, settings.corrupt, bytes);
  const delayUs = drawDelayUs(settings, draws.delay);
  const overtakes = drawReorder(settings, draws);
  const counters = link.counters;
  if (settings.cut) {
    counters.cut++;
    return null;
  }
  if (lost) {
    counters.lost++;
    return null;
  }
  const sentAfterUs = serialise(settings, link, nowUs, bytes);
  if (sentAfterUs < 0) {
    counters.overflowed++;
    return null;
  }
  if (corruptBit >= 0) counters.corrupted++;
  if (!overtakes) return { delayUs: sentAfterUs + delayUs, corruptBit };
  counters.reordered++;
  return { delayUs: sentAfterUs, corruptBit };
}

/**
 * Gilbert-Elliott: a two-state Markov chain stepped once per message offered (Gilbert, "Capacity of
 * a burst-noise channel", 1960; Elliott, "Estimates of error rates for codes on burst-noise
 * channels", 1963). Messages are lost with probability `burstLoss` in the bad state and never in
 * the good one (netem's `gemodel p r 1-h 0`). With
 *
 *     leave r = 1 / burst     bad share s = loss / burstLoss     enter p = r · s / (1 - s)
 *
 * the chain is bad for p / (p + r) = s of the messages, and loses s · burstLoss = loss of them. It
 * starts good. A copy meets the state its original met, being sent at the same moment.
 */
function stepSpell(settings: LinkSettings, link: LinkState): void {
  if (settings.loss <= 0 || settings.burst <= 0) return;
  const leave = 1 / settings.burst;
  if (link.bad) {
    link.bad = !chance(link.original.loss, leave);
  } else {
    const badShare = Math.min(1, settings.loss / settings.burstLoss);
    link.bad = chance(link.original.loss, (leave * badShare) / (1 - badShare));
  }
}

function drawLoss(settings: LinkSettings, bad: boolean, rng: RandomState): boolean {
  if (settings.loss <= 0 || settings.burst <= 0) return chance(rng, settings.loss);
  return bad && chance(rng, settings.burstLoss);
}

function drawCorruptBit(rng: RandomState, probability: number, bytes: number): number {
  if (!chance(rng, probability)) return -1;
  return bytes > 0 ? between(rng, 0, bytes * 8 - 1) : -1;
}

/**
 * Delay and jitter, never below 0: a delay shorter than a few jitters is therefore longer on
 * average than `delayMs`. As in netem, jitter by itself lets a later message overtake an earlier
 * one.
 */
function drawDelayUs(settings: LinkSettings, rng: RandomState): number {
  const jitterUs = drawJitterUs(rng, settings.distribution, microseconds(settings.jitterMs));
  return Math.max(0, microseconds(settings.delayMs) + jitterUs);
}

/**
 * Whether the message skips its delay and overtakes those still waiting theirs. Without a delay
 * there is nothing to overtake, and `reorder` has no effect (`tc` refuses it). Unlike netem, whose
 * reordered packets also skip the rate limit, the message takes its turn there, or the limit would
 * not hold.
 *
 * Correlated draws are netem's get_crandom, x = value · (1 - ρ) + last · ρ, whose sequence keeps
 * the mean but not the spread of a uniform one (variance times (1 - ρ) / (1 + ρ)). So the effective
 * rate is below `reorder` when that is below 1/2: 0.25 becomes 0.167 at ρ = 0.25, 0.069 at 0.5,
 * 0.008 at 0.75.
 */
function drawReorder(settings: LinkSettings, draws: Draws): boolean {
  if (settings.reorder <= 0) return false;
  const value = nextUint32(draws.reorder);
  draws.reorderLast = lean(value, draws.reorderLast, settings.correlation);
  if (settings.delayMs <= 0 && settings.jitterMs <= 0) return false;
  return draws.reorderLast < settings.reorder * 0x1_0000_0000;
}

/** value · (1 - ρ) + last · ρ, rounded down: exact in 32-bit fixed point, as netem's product is. */
function lean(value: number, last: number, correlation: number): number {
  const rho = Math.floor(correlation * 0x1_0000_0000);
  const high = Math.floor(rho / 0x1_0000);
  const low = rho % 0x1_0000;
  // In two halves because (last - value) · rho may need 65 bits and a double holds 53.
  const difference = last - value;
  const carried = difference * high + Math.floor((difference * low) / 0x1_0000);
  return value + Math.floor(carried / 0x1_0000);
}

/**
 * Passes a message through the rate limit: bytes / bytesPerSecond each, one after the other.
 * Returns the microseconds until its last byte is sent, or -1 if it finds the queue full. An empty
 * queue takes any one message, or one larger than `queueBytes` could never pass.
 *
 * netem lets the delay run while a packet waits its turn; here it begins once the message is sent,
 * as on a real line. When the rate changes, what waits keeps the time it was given and later
 * messages line up behind it, as in netem; when the limit is lifted they pass it.
 */
function serialise(settings: LinkSettings, link: LinkState, nowUs: number, bytes: number): number {
  if (settings.bytesPerSecond === null) return 0;
  const waiting = queuedBytes(settings, link, nowUs);
  if (waiting > 0 && waiting + bytes > settings.queueBytes) return -1;
  const turnInUs = busyForUs(link, nowUs);
  const busyUs = turnInUs + (bytes * 1_000_000) / settings.bytesPerSecond;
  if (busyUs > 0) link.drainBytesPerUs = (turnInUs * link.drainBytesPerUs + bytes) / busyUs;
  link.acceptedAtUs = nowUs;
  link.busyUs = busyUs;
  // Sums of fractions may come out a little above the whole microsecond they stand for.
  return Math.ceil(busyUs - 1e-6);
}

function busyForUs(link: LinkState, nowUs: number): number {
  return Math.max(0, link.busyUs - (nowUs - link.acceptedAtUs));
}

function microseconds(ms: number): number {
  return Math.floor(ms * 1000 + 0.5);
}

type Rule = { allowed: string; holds: (value: unknown) => boolean };

const PROBABILITY: Rule = {
  allowed: 'a number from 0 to 1',
  holds: (value) => isWithin(value, 0, 1),
};
const DURATION: Rule = {
  // A uniform jitter spans 2 · jitterUs + 1 values, which must fit a 32-bit draw.
  allowed: 'a number of milliseconds from 0 to 1000000',
  holds: (value) => isWithin(value, 0, 1_000_000),
};

const RULES: { readonly [Field in keyof LinkSettings]: Rule } = {
  loss: PROBABILITY,
  burst: {
    allowed: '0 for independent losses, or a number of messages from 1',
    holds: (value) => value === 0 || isWithin(value, 1, Number.MAX_VALUE),
  },
  burstLoss: PROBABILITY,
  duplicate: PROBABILITY,
  delayMs: DURATION,
  jitterMs: DURATION,
  distribution: {
    allowed: 'constant, uniform, normal or pareto',
    holds: (value) => ['constant', 'uniform', 'normal', 'pareto'].includes(value as string),
  },
  reorder: PROBABILITY,
  correlation: PROBABILITY,
  corrupt: PROBABILITY,
  bytesPerSecond: {
    allowed: 'null for no limit, or a number above 0',
    holds: (value) => value === null || isWithin(value, Number.MIN_VALUE, Number.MAX_VALUE),
  },
  queueBytes: {
    allowed: 'a whole number from 0',
    holds: (value) => Number.isSafeInteger(value) && isWithin(value, 0, Number.MAX_VALUE),
  },
  cut: { allowed: 'true or false', holds: (value) => typeof value === 'boolean' },
};

/**
 * Null if the settings can be used, otherwise one sentence that names the field, what came and what
 * is allowed. Fields left out count as in `PERFECT`; check the whole settings where they are
 * merged.
 */
export function checkLinkSettings(settings: Partial<LinkSettings>): string | null {
  for (const [field, value] of Object.entries(settings)) {
    if (!Object.hasOwn(RULES, field)) {
      return `Link setting ${field} is unknown; allowed are ${Object.keys(RULES).join(', ')}.`;
    }
    const rule = RULES[field as keyof LinkSettings];
    if (!rule.holds(value)) {
      return `Link setting ${field} is ${describe(value)}; allowed is ${rule.allowed}.`;
    }
  }
  const { loss, burst, burstLoss } = { ...PERFECT, ...settings };
  if (burst <= 0) return null;
  // At p = 1 bad spells are one good message apart, and the chain is bad for the share
  // burst / (burst + 1): a larger loss cannot be had.
  const lossMax = (burstLoss * burst) / (burst + 1);
  if (loss <= lossMax) return null;
  return (
    `Link setting loss is ${loss}; allowed with burst ${burst} and burstLoss ${burstLoss} ` +
    `is at most burstLoss * burst / (burst + 1) = ${Math.floor(lossMax * 1e6) / 1e6}.`
  );
}

function isWithin(value: unknown, low: number, high: number): boolean {
  return typeof value === 'number' && value >= low && value <= high;
}

function describe(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}
