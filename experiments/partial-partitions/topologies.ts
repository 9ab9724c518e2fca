/**
 * Who still hears whom. A topology is data: its links in a line of text, `n1-n2` for both ways,
 * `n1>n2` for messages of n1 to n2 alone, `n1~n2` for both ways with most messages lost; what is
 * not written is cut. The leader is the one that leads when the partition begins.
 */
import type { Fault } from '../../lab/faults.ts';
import { nodeIds } from '../../lab/schedule.ts';

export type Topology = {
  readonly title: string;
  readonly servers: number;
  readonly leader: string;
  readonly links: string;
  /** It has missed the last entries that were committed before the partition. */
  readonly behind?: string;
  readonly about: string;
  /** Where it is known from. */
  readonly source: string;
};

type LinkKind = 'both' | 'oneWay' | 'lossy';
export type TopologyLink = {
  readonly from: string;
  readonly to: string;
  readonly kind: LinkKind;
};

/** Of the messages over a lossy link. */
export const LOSS = 0.9;

const NG = 'Ng, Haridi and Carbone, EuroSys 2023';
const HOWARD = 'Howard and Abraham, Raft does not guarantee liveness, 2020';
const CLOUDFLARE = 'Lianza and Snook, A Byzantine failure in the real world, 2020';

export const TOPOLOGIES = {
  //    n2   n3*
  //      \ /
  //       n1
  //      / \
  //    n4   n5
  'quorum-loss': {
    title: 'Quorum-loss hub',
    servers: 5,
    leader: 'n3',
    links: 'n1-n2 n1-n3 n1-n4 n1-n5',
    about: 'Only the hub n1 still sees a majority, and it still hears the leader n3.',
    source: NG,
  },
  //    n2   n3* (alone)
  //      \
  //       n1 (behind)
  //      / \
  //    n4   n5
  constrained: {
    title: 'Constrained election',
    servers: 5,
    leader: 'n3',
    links: 'n1-n2 n1-n4 n1-n5',
    behind: 'n1',
    about: 'Only the hub n1 sees a majority, and it lacks entries that are committed.',
    source: NG,
  },
  //    n2* — n1 — n3
  chained: {
    title: 'Chained',
    servers: 3,
    leader: 'n2',
    links: 'n1-n2 n1-n3',
    about: 'Three servers in a row, and one of the ends leads: the other does not hear it.',
    source: NG,
  },
  //    n3* — n2 — n1
  //      \ ~ ~ ~ /
  cloudflare: {
    title: 'Cloudflare 2020',
    servers: 3,
    leader: 'n3',
    links: 'n1-n2 n2-n3 n1~n3',
    about: 'Chained, but the broken switch forwards some of what n1 and the leader n3 send.',
    source: CLOUDFLARE,
  },
  //    n4 — n2 — n3* — n5
  //           \ /
  //            n1
  'two-leaf': {
    title: 'Two leaves',
    servers: 5,
    leader: 'n3',
    links: 'n1-n2 n1-n3 n2-n3 n2-n4 n3-n5',
    about: 'Three servers see each other; two more see one of them each.',
    source: HOWARD,
  },
  //    n1 — n2 — n4*    n5 (alone)
  //      \ /
  //       n3
  bridge: {
    title: 'Bridge and lone voter',
    servers: 5,
    leader: 'n4',
    links: 'n1-n2 n1-n3 n2-n3 n2-n4',
    about: 'Three servers see each other; the leader n4 hangs on one of them, and n5 on none.',
    source: `${HOWARD}; openraft #2080`,
  },
  //       n1*
  //      /   \
  //    n5     n2
  //     |     |
  //    n4 ——— n3
  ring: {
    title: 'Ring of majorities',
    servers: 5,
    leader: 'n1',
    links: 'n1-n2 n2-n3 n3-n4 n4-n5 n5-n1',
    about: 'Each server sees its two neighbours: a majority, and each another one.',
    source: 'overlapping majorities; Howard and Abraham’s argument at its limit',
  },
  //    n1* → n2 … n5, which see each other
  'deaf-leader': {
    title: 'Deaf leader',
    servers: 5,
    leader: 'n1',
    links: 'n1>n2 n1>n3 n1>n4 n1>n5 n2-n3 n2-n4 n2-n5 n3-n4 n3-n5 n4-n5',
    about: 'What n1 sends arrives; nothing reaches it any more.',
    source: 'one-way cut',
  },
  //    n1* ← n2 … n5, which see each other
  'mute-leader': {
    title: 'Mute leader',
    servers: 5,
    leader: 'n1',
    links: 'n2>n1 n3>n1 n4>n1 n5>n1 n2-n3 n2-n4 n2-n5 n3-n4 n3-n5 n4-n5',
    about: 'What the others send reaches n1; nothing that it sends arrives.',
    source: 'one-way cut',
  },
} as const satisfies Readonly<Record<string, Topology>>;

export type TopologyName = keyof typeof TOPOLOGIES;

export const TOPOLOGY_NAMES = Object.keys(TOPOLOGIES) as TopologyName[];

export function topologyOf(name: TopologyName): Topology {
  return TOPOLOGIES[name];
}

const KINDS: Readonly<Record<string, LinkKind>> = { '-': 'both', '>': 'oneWay', '~': 'lossy' };

export function linksOf({ links }: Topology): TopologyLink[] {
  return links.split(' ').map((text) => {
    const [, from = '', sign = '', to = ''] = /^(n\d)([->~])(n\d)$/.exec(text) ?? [];
    const kind = KINDS[sign];
    if (kind === undefined) throw new RangeError(`expected a link such as n1-n2, got ${text}`);
    return { from, to, kind };
  });
}

/** Whether messages of `from` reach `to`, all of them. */
export function carries(links: readonly TopologyLink[], from: string, to: string): boolean {
  return links.some(
    (link) =>
      (link.kind !== 'lossy' && link.from === from && link.to === to) ||
      (link.kind === 'both' && link.from === to && link.to === from),
  );
}

/** What has to be done to a whole network. */
export function faultsOf(topology: Topology): Fault[] {
  const links = linksOf(topology);
  const lossy = links.filter(({ kind }) => kind === 'lossy');
  const isLossy = (a: string, b: string): boolean =>
    lossy.some(({ from, to }) => (from === a && to === b) || (from === b && to === a));
  const ids = nodeIds(topology.servers);
  const cut = ids.flatMap((from) =>
    ids
      .filter((to) => to !== from && !carries(links, from, to) && !isLossy(from, to))
      .map((to) => [from, to] as const),
  );
  const loses = lossy.flatMap(({ from, to }): Fault[] => [
    { kind: 'link', from, to, settings: { loss: LOSS } },
    { kind: 'link', from: to, to: from, settings: { loss: LOSS } },
  ]);
  return cut.length === 0 ? loses : [{ kind: 'cut', links: cut }, ...loses];
}
