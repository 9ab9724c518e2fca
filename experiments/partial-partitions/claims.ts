/** What is published of these partitions, in words, and whether it is so here. */
import type { Table, TableCell, Tone } from '../../lab/report/content.ts';
import { sharePercent, shortNumber } from '../../lab/report/table.ts';
import { isDown, type Summary } from './summary.ts';
import { TOPOLOGIES, TOPOLOGY_NAMES, type TopologyName } from './topologies.ts';
import { VARIANT_TITLES, type VariantName } from './variants.ts';

type Outcome = 'down' | 'restless' | 'stable' | 'serves';

type Claim = {
  readonly topologies: readonly TopologyName[];
  readonly variant: VariantName;
  readonly outcome: Outcome;
  readonly source: string;
};

/** A settled leader changes at most so often in a partition, a restless one at least so often. */
const STABLE_CHANGES = 1;
const RESTLESS_CHANGES = 3;
const STABLE_AVAILABILITY = 0.9;

const HOWARD = 'Howard and Abraham';
const NG = 'Ng et al.';
const JENSEN = 'Jensen et al.';

const CLAIMS: readonly Claim[] = [
  // Their first example, and PreVote (with what is called sticky here) as its cure.
  { topologies: ['two-leaf'], variant: 'plain', outcome: 'restless', source: HOWARD },
  { topologies: ['two-leaf'], variant: 'prevote-sticky', outcome: 'stable', source: HOWARD },
  // Their second, which is openraft’s, and CheckQuorum as its cure.
  { topologies: ['bridge'], variant: 'prevote-sticky', outcome: 'down', source: HOWARD },
  { topologies: ['bridge'], variant: 'both', outcome: 'stable', source: HOWARD },
  // “Does Raft with PreVote and CheckQuorum guarantee liveness? Yes.”
  { topologies: TOPOLOGY_NAMES, variant: 'both', outcome: 'serves', source: HOWARD },
  { topologies: ['constrained'], variant: 'plain', outcome: 'down', source: NG },
  { topologies: ['constrained'], variant: 'both', outcome: 'down', source: NG },
  // “This results in a livelock where the leader repeatedly changes.”
  { topologies: ['chained'], variant: 'plain', outcome: 'restless', source: NG },
  // What etcd was, and what its PreVote might have prevented.
  {
    topologies: ['cloudflare'],
    variant: 'checkquorum-sticky',
    outcome: 'restless',
    source: 'Lianza and Snook',
  },
  { topologies: ['cloudflare'], variant: 'both', outcome: 'stable', source: JENSEN },
];

const PUBLISHED: Readonly<Record<Outcome, string>> = {
  down: 'nobody can lead',
  restless: 'leader after leader',
  stable: 'a stable leader',
  serves: 'always a leader',
};

const SOURCES =
  'Howard and Abraham, Raft does not guarantee liveness in the face of network faults, 2020; ' +
  'Ng, Haridi and Carbone, Omni-Paxos: breaking the barriers of partial connectivity, EuroSys ' +
  '2023; Lianza and Snook, A Byzantine failure in the real world, Cloudflare 2020; Jensen, ' +
  'Howard and Mortier, Examining Raft’s behaviour during partial network failures, HAOC 2021; ' +
  'openraft issue #2080';

export function claimsTable(summaries: readonly Summary[]): Table {
  const loads = (['loaded', 'idle'] as const).filter((load) =>
    summaries.some(({ cell }) => cell.load === load),
  );
  const rows = CLAIMS.flatMap((claim): TableCell[][] => {
    const { outcome, source, topologies, variant } = claim;
    const found = summaries.filter(
      ({ cell }) => topologies.includes(cell.topology) && cell.variant === variant,
    );
    if (found.length === 0) return [];
    const [first = 'chained', ...others] = topologies;
    return [
      [
        others.length === 0 ? TOPOLOGIES[first].title : 'all of them',
        VARIANT_TITLES[variant],
        PUBLISHED[outcome],
        judged(outcome, found),
        ...loads.map((load) =>
          measured(
            claim,
            found.filter(({ cell }) => cell.load === load),
          ),
        ),
        source,
      ],
    ];
  });
  const words = { loaded: 'under load', idle: 'idle' };
  return {
    title: 'What is published, and what is measured',
    heads: [
      'partition',
      'variant',
      'published',
      'verdict',
      ...loads.map((load) => words[load]),
      'source',
    ],
    words: 5 + loads.length,
    rows,
    note:
      'The publications say what happens and give no numbers; this is how they are judged. ' +
      '“Nobody can lead” holds where no write is served in any trial, “leader after leader” with ' +
      `${RESTLESS_CHANGES} changes or more within a partition (median), “a stable leader” with ` +
      `at most ${STABLE_CHANGES} and ${sharePercent(STABLE_AVAILABILITY)} availability (mean), ` +
      '“always a leader” where no trial is down throughout. “In part”: under one load and not ' +
      `under the other, or on some of the partitions. Sources: ${SOURCES}.`,
  };
}

function holds(outcome: Outcome, summary: Summary): boolean {
  const { availability, changes, down } = summary;
  switch (outcome) {
    case 'down':
      return isDown(summary);
    case 'serves':
      return down.value === 0;
    case 'restless':
      return changes.value >= RESTLESS_CHANGES;
    case 'stable':
      return changes.value <= STABLE_CHANGES && availability.value >= STABLE_AVAILABILITY;
  }
}

function judged(outcome: Outcome, found: readonly Summary[]): TableCell {
  const count = found.filter((summary) => holds(outcome, summary)).length;
  const [text, tone]: readonly [string, Tone] =
    count === found.length
      ? ['holds', 'good']
      : count > 0
        ? ['in part', 'fair']
        : ['does not hold', 'bad'];
  return { text, tone };
}

/** Of several partitions, on how many it is so. */
function measured({ outcome, topologies }: Claim, found: readonly Summary[]): string {
  if (topologies.length > 1) {
    const holding = found.filter((summary) => holds(outcome, summary)).length;
    return `on ${holding} of ${found.length}`;
  }
  return found
    .map(({ availability, changes: { value } }) => {
      const changes = `${shortNumber(value)} change${value === 1 ? '' : 's'}`;
      return `${changes}, ${sharePercent(availability.value)}`;
    })
    .join('; ');
}
