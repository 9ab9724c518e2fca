/** Clocks that run at rates of their own: all of them a little off, or one of them far. */

import type { StudyFactor } from '../../lab/study/study.ts';
import { between, fork } from '../../src/raft/random.ts';

export const SERVERS = 5;

export type Clocks =
  /** All rates uniform within this share of 1 on either side. */
  | { readonly kind: 'spread'; readonly share: number }
  /** One server's clock runs so many times as fast as the others', which are true. */
  | { readonly kind: 'one'; readonly rate: number };

const PPM = 1_000_000;
/** Rates that a timer of microseconds and a heartbeat of seconds can still stand for. */
const RATES = { low: 0.05, high: 20 } as const;

/** `spread-0.1` or `one-10`; undefined for what is neither. */
export function clocksOf(text: string): Clocks | undefined {
  const [, kind, digits] = /^(spread|one)-(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  const value = Number(digits);
  if (kind === 'spread') return value <= 0.9 ? { kind, share: value } : undefined;
  if (kind !== 'one') return undefined;
  return value >= RATES.low && value <= RATES.high ? { kind, rate: value } : undefined;
}

export function clocksFactor(
  values: readonly string[],
  quick: readonly string[],
): StudyFactor<string> {
  return {
    about: 'all clocks off by up to a share, or one clock so many times as fast as the others',
    allowed: `spread-S with S of 0 to 0.9, or one-R with R of ${RATES.low} to ${RATES.high}`,
    values,
    quick,
    parse: (text) => {
      const clocks = clocksOf(text);
      if (clocks === undefined) return undefined;
      return clocks.kind === 'one' ? `one-${clocks.rate}` : `spread-${clocks.share}`;
    },
    print: String,
  };
}

export type Rates = {
  /** Seconds that each clock shows in a second. */
  readonly rates: readonly number[];
  /** The server whose clock is unlike the others', counted from 0. */
  readonly odd: number | null;
};

export function drawRates(clocks: Clocks, seed: number): Rates {
  const rng = fork(seed, 'rates');
  if (clocks.kind === 'one') {
    const odd = between(rng, 0, SERVERS - 1);
    const rates = Array.from({ length: SERVERS }, (_, i) => (i === odd ? clocks.rate : 1));
    return { rates, odd };
  }
  const ppm = Math.round(clocks.share * PPM);
  const rates = Array.from({ length: SERVERS }, () => 1 + between(rng, -ppm, ppm) / PPM);
  return { rates, odd: null };
}

export function driftPpm({ rates }: Rates): number[] {
  return rates.map((rate) => Math.round((rate - 1) * PPM));
}

/** In words, for tables. */
export function clocksText(text: string): string {
  const clocks = clocksOf(text);
  if (clocks === undefined) return text;
  if (clocks.kind === 'spread') {
    return clocks.share === 0 ? 'all true' : `all off by up to ${percentOf(clocks.share)}`;
  }
  if (clocks.rate === 1) return 'all true';
  const times = clocks.rate > 1 ? clocks.rate : 1 / clocks.rate;
  return `one ${Number(times.toFixed(2))}× ${clocks.rate > 1 ? 'fast' : 'slow'}`;
}

function percentOf(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`;
}
