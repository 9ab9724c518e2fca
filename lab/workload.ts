/**
 * Load as data, and the loops that make it: closed (so many clients, so many requests outstanding
 * each) or open (a fixed arrival rate). Speaks only `Caller`, so it means the same on every host.
 */
import type { OperationKind } from '../src/command.ts';
import { chance, fork, nextUint32, type RandomState } from '../src/raft/random.ts';
import type { Caller, Outcome, ReadWay } from './cluster.ts';

export type Workload = {
  readonly clients: number;
  /** Requests each client keeps outstanding in a closed loop. */
  readonly outstanding: number;
  /** Operations per second of an open loop; `null` is a closed loop. */
  readonly rate: number | null;
  /** Share of reads, 0 … 1. */
  readonly readRatio: number;
  /** How reads are made; linearizable by a round of heartbeats if left out. */
  readonly readWay?: ReadWay;
  readonly valueBytes: number;
  readonly keys: number;
  /** Exponent of Zipf's law over the keys; 0 is uniform. */
  readonly zipf: number;
};

export const KEY_BYTES = 16;

export type Completion = {
  readonly kind: OperationKind;
  readonly client: number;
  readonly requestNumber: number;
  /** When the request was due: in an open loop, waiting for the cluster counts (Tene, 2013). */
  readonly intendedUs: number;
  readonly completedUs: number;
  readonly outcome: Outcome;
};

/** One request at a time; all that belongs to it is used again once it is answered. */
type Slot = {
  readonly client: number;
  done: (outcome: Outcome, requestNumber: number) => void;
  readonly operation: {
    kind: OperationKind;
    key: Uint8Array;
    value: Uint8Array | null;
    expected: null;
  };
  readonly value: Uint8Array;
  intendedUs: number;
};

/** Starts the load; the returned function ends it, what is outstanding still completes. */
export function startWorkload(
  workload: Workload,
  seed: number,
  caller: Caller,
  onCompletion: (completion: Completion) => void,
): () => void {
  const next = new OperationSource(workload, seed);
  const run = { going: true };
  const load: Load = {
    workload,
    caller,
    run,
    createSlot: (client, then) => {
      const slot = createSlot(client, workload);
      slot.done = (outcome, requestNumber) => {
        const { kind } = slot.operation;
        const { intendedUs } = slot;
        const completedUs = caller.nowUs();
        onCompletion({ kind, client, requestNumber, intendedUs, completedUs, outcome });
        then(slot);
      };
      return slot;
    },
    issue: (slot, intendedUs) => {
      next.fill(slot);
      slot.intendedUs = intendedUs;
      caller.call(slot.client, slot.operation, slot.done, workload.readWay);
    },
  };
  if (workload.rate === null) closedLoop(load);
  else openLoop(load, workload.rate);
  return () => {
    run.going = false;
  };
}

type Load = {
  readonly workload: Workload;
  readonly caller: Caller;
  readonly run: { going: boolean };
  /** `then` is called whenever a request of the slot has ended. */
  readonly createSlot: (client: number, then: (slot: Slot) => void) => Slot;
  readonly issue: (slot: Slot, intendedUs: number) => void;
};

function closedLoop({ workload, caller, run, createSlot, issue }: Load): void {
  const again = (slot: Slot): void => {
    if (run.going) issue(slot, caller.nowUs());
  };
  for (let client = 0; client < workload.clients; client++) {
    for (let i = 0; i < workload.outstanding; i++) again(createSlot(client, again));
  }
}

/**
 * How long the open loop sleeps; arrivals due meanwhile are issued together, each with its own
 * time.
 */
const OPEN_LOOP_TICK_US = 1000;

function openLoop({ workload, caller, run, createSlot, issue }: Load, rate: number): void {
  const idle: Slot[] = [];
  const startUs = caller.nowUs();
  let issued = 0;
  const tick = (): void => {
    if (!run.going) return;
    const nowUs = caller.nowUs();
    for (;;) {
      const dueUs = startUs + Math.floor((issued * 1e6) / rate);
      if (dueUs > nowUs) break;
      issue(idle.pop() ?? createSlot(issued % workload.clients, (slot) => idle.push(slot)), dueUs);
      issued++;
    }
    caller.at(nowUs + OPEN_LOOP_TICK_US, tick);
  };
  tick();
}

function createSlot(client: number, workload: Workload): Slot {
  const key = new Uint8Array(KEY_BYTES);
  const value = new Uint8Array(workload.valueBytes).fill(0x76);
  const operation = { kind: 'put' as const, key, value, expected: null };
  return { client, operation, value, intendedUs: 0, done: () => {} };
}

/** Draws operations: each write has a value of its own, so that no two can be mistaken. */
class OperationSource {
  readonly #workload: Workload;
  readonly #rng: RandomState;
  readonly #zipf: Uint32Array | null;
  #count = 0;

  constructor(workload: Workload, seed: number) {
    this.#workload = workload;
    this.#rng = fork(seed, 'workload');
    this.#zipf = workload.zipf === 0 ? null : zipfThresholds(workload.keys, workload.zipf);
  }

  fill(slot: Slot): void {
    const { readRatio } = this.#workload;
    const reads = readRatio > 0 && chance(this.#rng, readRatio);
    writeKey(slot.operation.key, this.#drawKey());
    slot.operation.kind = reads ? 'get' : 'put';
    slot.operation.value = reads ? null : slot.value;
    if (reads) return;
    this.#count++;
    writeCount(slot.value, this.#count);
  }

  #drawKey(): number {
    const draw = nextUint32(this.#rng);
    if (this.#zipf === null) return Math.floor((draw / 0x1_0000_0000) * this.#workload.keys);
    return firstAtLeast(this.#zipf, draw);
  }
}

function writeKey(key: Uint8Array, number: number): void {
  key[0] = 0x6b;
  let rest = number;
  for (let i = KEY_BYTES - 1; i > 0; i--) {
    key[i] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

function writeCount(value: Uint8Array, count: number): void {
  let rest = count;
  for (let i = 0; i < 8 && i < value.byteLength; i++) {
    value[i] = rest & 0xff;
    rest = Math.floor(rest / 256);
  }
}

/**
 * Zipf's cumulative distribution over ranks 1 … keys, scaled to 32 bits: a uniform draw belongs to
 * the first rank whose threshold reaches it.
 */
export function zipfThresholds(keys: number, exponent: number): Uint32Array {
  const cumulative = new Float64Array(keys);
  let sum = 0;
  for (let rank = 1; rank <= keys; rank++) {
    sum += 1 / power(rank, exponent);
    cumulative[rank - 1] = sum;
  }
  return Uint32Array.from(cumulative, (value) => Math.floor((value / sum) * 0xffff_ffff));
}

/**
 * x to a non-negative exponent by multiplications and square roots only: these are exact to the
 * last bit on every machine, as `Math.pow` is not, so a seed draws the same keys everywhere.
 */
export function power(x: number, exponent: number): number {
  const whole = Math.floor(exponent);
  let result = 1;
  for (let i = 0; i < whole; i++) result *= x;
  let fraction = exponent - whole;
  let root = x;
  for (let bit = 0; bit < 60 && fraction > 0; bit++) {
    root = Math.sqrt(root);
    fraction *= 2;
    if (fraction >= 1) {
      result *= root;
      fraction -= 1;
    }
  }
  return result;
}

function firstAtLeast(thresholds: Uint32Array, draw: number): number {
  let low = 0;
  let high = thresholds.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((thresholds[middle] as number) < draw) low = middle + 1;
    else high = middle;
  }
  return low;
}
