/**
 * The links of a simulated cluster, one for each direction, and what lies on them: the settings of
 * the run, what faults change of them, and how often each is cut.
 */
import {
  createLink,
  deliveries,
  type LinkSettings,
  type LinkState,
  PERFECT,
} from '../../src/transport/link.ts';
import type { Events } from './events.ts';

/** What became of a message's copy, for the trace. */
export type Fate = 'delivered' | 'lost' | 'cut' | 'overflowed';

/** One direction between two ends; only the network changes it. */
export type Link = {
  readonly state: LinkState;
  settings: LinkSettings;
  /** What the settings are without faults; changes lie on top of them, and so do cuts. */
  base: LinkSettings;
  changes: Partial<LinkSettings>[];
  cuts: number;
  /** When that last changed. */
  changedUs: number;
};

export class Network {
  readonly #events: Events;
  readonly #seed: number;
  readonly #links = new Map<string, Link>();

  constructor(events: Events, seed: number) {
    this.#events = events;
    this.#seed = seed;
  }

  connect(name: string, settings: LinkSettings): Link {
    const state = createLink(this.#seed, name);
    const link: Link = { state, settings, base: settings, changes: [], cuts: 0, changedUs: 0 };
    this.#links.set(name, link);
    return link;
  }

  /**
   * Sends something of so many bytes over a link with these settings; `arrive` is called for every
   * copy that does, with the bit to flip in it, or -1. Returns what became of it; a message of
   * which any copy arrives is delivered.
   */
  send(
    { state }: Link,
    bytes: number,
    settings: LinkSettings,
    arrive: (corruptBit: number) => void,
  ): Fate {
    const { counters } = state;
    const { cut, overflowed } = counters;
    const copies = deliveries(settings, state, this.#events.nowUs, bytes);
    for (const { delayUs, corruptBit } of copies) {
      this.#events.after(delayUs, arrive, corruptBit);
    }
    if (copies.length > 0) return 'delivered';
    if (counters.cut > cut) return 'cut';
    return counters.overflowed > overflowed ? 'overflowed' : 'lost';
  }

  /** Whether the settings are others than those in force. */
  differs(name: string, settings: Partial<LinkSettings>): boolean {
    const { settings: now } = this.#link(name);
    return (Object.keys(settings) as (keyof LinkSettings)[]).some(
      (field) => settings[field] !== now[field],
    );
  }

  /** Changes settings on top of those in force; the returned function takes them away again. */
  change(name: string, settings: Partial<LinkSettings>): () => void {
    const link = this.#link(name);
    link.changes.push(settings);
    this.#settle(link);
    return () => {
      const at = link.changes.indexOf(settings);
      if (at >= 0) link.changes.splice(at, 1);
      this.#settle(link);
    };
  }

  cut(name: string, change: 1 | -1): void {
    const link = this.#link(name);
    link.cuts += change;
    this.#settle(link);
  }

  /** All links are whole again and without faults of their own; distance is no fault and stays. */
  healAll(): void {
    for (const link of this.#links.values()) {
      const { delayMs, jitterMs, distribution } = link.base;
      link.base = { ...PERFECT, delayMs, jitterMs, distribution };
      link.changes = [];
      link.cuts = 0;
      this.#settle(link);
    }
  }

  /** When a fault last lay on the link; infinite while one does. */
  disturbedUs(name: string): number {
    const { changedUs, changes, cuts } = this.#link(name);
    return cuts > 0 || changes.length > 0 ? Number.POSITIVE_INFINITY : changedUs;
  }

  /** What the link has done so far. */
  counters(name: string): Readonly<LinkState['counters']> {
    return this.#link(name).state.counters;
  }

  #settle(link: Link): void {
    link.changedUs = this.#events.nowUs;
    const settings: LinkSettings = Object.assign({}, link.base, ...link.changes);
    link.settings = link.cuts === 0 ? settings : { ...settings, cut: true };
  }

  #link(name: string): Link {
    const link = this.#links.get(name);
    if (link === undefined) throw new RangeError(`there is no link ${name}`);
    return link;
  }
}

export function linkName(from: string, to: string): string {
  return `${from}->${to}`;
}
