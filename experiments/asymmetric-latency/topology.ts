/** Networks in which each link has a latency of its own. */
import { between, type RandomState } from '../../src/raft/random.ts';

export const TOPOLOGIES = [
  'even',
  'messages-0.9',
  'pairs-0.5',
  'pairs-0.9',
  'directions-0.5',
  'directions-0.9',
  'regions',
  'there-and-back',
] as const;
export type Topology = (typeof TOPOLOGIES)[number];

/** One way, in milliseconds, from the server with one number to that with the other. */
export type Latencies = readonly (readonly number[])[];

type Shape = {
  readonly about: string;
  /** Of all links, both directions of each. */
  readonly meanMs: number;
  /** How far each message may be off its link's latency, as a share of it. */
  readonly share: number;
  /** Anew for each trial; otherwise the network is always the same. */
  readonly isDrawn: boolean;
  draw(rng: RandomState): Latencies;
};

export const SERVERS = 5;
const DRAWN_MEAN_MS = 10;
const THERE_MS = 10;
const BACK_MS = 60;
const WITHIN_REGION_MS = 1;
/** By server. */
const REGION_OF = ['A', 'A', 'B', 'B', 'C'] as const;
const BETWEEN_REGIONS_MS: Readonly<Record<string, number>> = { AB: 40, AC: 80, BC: 120 };

export const SHAPES: Readonly<Record<Topology, Shape>> = {
  even: drawn(0, 'pair', 'every link 10 ms'),
  'messages-0.9': {
    ...drawn(0, 'pair', 'every link alike, each message U(1, 19) ms: chance without asymmetry'),
    share: 0.9,
  },
  'pairs-0.5': drawn(0.5, 'pair', 'each pair of servers U(5, 15) ms, alike both ways'),
  'pairs-0.9': drawn(0.9, 'pair', 'each pair of servers U(1, 19) ms, alike both ways'),
  'directions-0.5': drawn(0.5, 'direction', 'each direction of each pair U(5, 15) ms'),
  'directions-0.9': drawn(0.9, 'direction', 'each direction of each pair U(1, 19) ms'),
  regions: fixed('2 + 2 + 1 servers: 1 ms within a region, 40, 80 and 120 ms between', regionsMs),
  'there-and-back': fixed(
    'from a server of lower number to one of higher 10 ms, and back 60 ms',
    (from, to) => (from < to ? THERE_MS : BACK_MS),
  ),
};

function regionsMs(from: number, to: number): number {
  const [a, b] = [REGION_OF[from] ?? 'A', REGION_OF[to] ?? 'A'].sort();
  return BETWEEN_REGIONS_MS[`${a}${b}`] ?? WITHIN_REGION_MS;
}

/** Each latency uniform within a share of the mean on either side, and then the same for good. */
function drawn(share: number, unit: 'pair' | 'direction', about: string): Shape {
  const meanUs = DRAWN_MEAN_MS * 1000;
  const draw = (rng: RandomState): number =>
    between(rng, meanUs * (1 - share), meanUs * (1 + share)) / 1000;
  return {
    about,
    meanMs: DRAWN_MEAN_MS,
    share: 0,
    isDrawn: share > 0,
    draw: (rng) => {
      const rows = Array.from({ length: SERVERS }, () => new Array<number>(SERVERS).fill(0));
      for (let from = 0; from < SERVERS; from++) {
        for (let to = from + 1; to < SERVERS; to++) {
          const there = draw(rng);
          set(rows, from, to, there);
          set(rows, to, from, unit === 'pair' ? there : draw(rng));
        }
      }
      return rows;
    },
  };
}

function fixed(about: string, of: (from: number, to: number) => number): Shape {
  const servers = Array.from({ length: SERVERS }, (_, i) => i);
  const rows = servers.map((from) => servers.map((to) => (from === to ? 0 : of(from, to))));
  const links = rows.flatMap((row, from) => row.filter((_, to) => to !== from));
  const sum = links.reduce((total, link) => total + link, 0);
  return { about, meanMs: sum / links.length, share: 0, isDrawn: false, draw: () => rows };
}

function set(rows: number[][], from: number, to: number, latencyMs: number): void {
  const row = rows[from];
  if (row !== undefined) row[to] = latencyMs;
}

/** Mean latency of a server's links to and from these others. */
export function meanLatencyMs(
  latencies: Latencies,
  server: number,
  others: readonly number[],
  way: 'both' | 'out' | 'in',
): number {
  let [sum, links] = [0, 0];
  for (const other of others) {
    if (other === server) continue;
    if (way !== 'in') {
      sum += latencies[server]?.[other] ?? 0;
      links++;
    }
    if (way !== 'out') {
      sum += latencies[other]?.[server] ?? 0;
      links++;
    }
  }
  return links === 0 ? 0 : sum / links;
}
