/** In which order the index shows the experiments, and under which headings. */

export type Group<T> = { readonly title: string; readonly about: string; readonly members: T[] };

const GROUPS: readonly (readonly [title: string, about: string, names: readonly string[]])[] = [
  [
    'The papers’ figures',
    'What the Raft papers published, measured again here and laid over the published values.',
    ['election-lan', 'election-wan', 'election-wan-reset', 'split-vote', 'throughput-by-size'],
  ],
  [
    'Availability',
    'Who is served while servers fail, links are cut and the cluster changes, and how soon again.',
    [
      'quorum-sizes',
      'partial-partitions',
      'disruptive-rejoin',
      'timeline',
      'membership',
      'rolling-restart',
      'quorum',
      'quorum-docker',
      'torture',
    ],
  ],
  [
    'Speed',
    'Throughput and latency, and what they are paid with.',
    [
      'throughput',
      'load',
      'durability',
      'pipelining',
      'read-modes',
      'fsync',
      'loss',
      'overload',
      'endurance',
      'bench',
      'bench-http',
    ],
  ],
  [
    'Open questions',
    'What the dissertation names and leaves open (§9.7, §10.4); nobody has published values.',
    [
      'asymmetric-latency',
      'clock-drift',
      'mixed-timeouts',
      'initial-terms',
      'follower-failure',
      'reconfiguration',
      'compaction',
    ],
  ],
  ['The lab itself', 'Whether the checkers find what they look for.', ['mutants']],
];

const OTHERS: readonly [title: string, about: string] = [
  'Further experiments',
  'What has no place in the groups above.',
];

/** What there is, in the order of the table; names that are not in it come last. */
export function grouped<T extends { readonly name: string }>(all: readonly T[]): Group<T>[] {
  const known = new Set(GROUPS.flatMap(([, , names]) => names));
  const groups = GROUPS.map(([title, about, names]) => ({
    title,
    about,
    members: names.flatMap((name) => all.filter((each) => each.name === name)),
  }));
  const [title, about] = OTHERS;
  const rest = all.filter(({ name }) => !known.has(name));
  return [...groups, { title, about, members: rest }].filter(({ members }) => members.length > 0);
}
