/**
 * Bugs of what stands around Raft's core: the node, the state machine, the formats of links and
 * disks. Small clusters, tame values and patient clients would hide each of them.
 */
import type { Mutant } from './mutant.ts';

const CLIENTS: readonly Mutant[] = [
  {
    name: 'refused-though-open',
    what: 'A leader that loses its lead calls the writes in its log surely not executed.',
    knownFrom: '§6.3; jepsen.io on definite and indefinite errors',
    file: 'src/node.ts',
    replace: [
      {
        find: "this.#refuse(parts, 'outcomeUnknown');",
        with: "this.#refuse(parts, 'notExecuted');",
      },
    ],
  },
  {
    name: 'answered-twice',
    what: 'What was answered when the lead was lost is answered again when it commits.',
    knownFrom: '§6.3',
    file: 'src/node.ts',
    replace: [
      {
        find: "this.#refuse(parts, 'outcomeUnknown');\n    this.#entries.clear();",
        with: "this.#refuse(parts, 'outcomeUnknown');",
      },
    ],
  },
  {
    name: 'never-answered',
    what: 'A leader that loses its lead forgets who waits for an answer.',
    knownFrom: '§6.2',
    file: 'src/node.ts',
    replace: [
      {
        find:
          '    for (const { parts } of this.#entries.values()) ' +
          "this.#refuse(parts, 'outcomeUnknown');\n",
        with: '',
      },
    ],
  },
];

const LARGE_STATE: readonly Mutant[] = [
  {
    name: 'removed-record-not-saved',
    what: 'A record that is removed while a snapshot is taken is missing from the snapshot.',
    knownFrom: '§5.1, copy-on-write',
    file: 'src/arena.ts',
    replace: [
      {
        find: '    this.beforeChange(segment, word);\n    segment.words[word + GENERATION] = DEAD;',
        with: '    segment.words[word + GENERATION] = DEAD;',
      },
    ],
  },
  {
    name: 'split-by-wrong-bit',
    what: 'A bucket of the hash table is split by another bit than its directory goes by.',
    knownFrom: 'Fagin et al. 1979, extendible hashing',
    file: 'src/slots.ts',
    replace: [{ find: '(hash >>> depth) % 2 === 0', with: '(hash >>> (depth + 1)) % 2 === 0' }],
  },
  {
    name: 'session-changed-under-snapshot',
    what: 'A session that is used while a snapshot is taken stands in it as it became.',
    knownFrom: '§5.1, copy-on-write; §6.3',
    file: 'src/sessions.ts',
    replace: [
      {
        find: '    this.#beforeChange(session);\n    if (session !== this.#last) {',
        with: '    if (session !== this.#last) {',
      },
    ],
  },
  {
    name: 'chunk-read-once-only',
    what: 'A chunk of a snapshot that was read for a follower is never read for it again.',
    knownFrom: '§5.2',
    file: 'src/snapshots.ts',
    replace: [{ find: '      this.#reading.delete(wanted);\n', with: '' }],
  },
];

const FORMATS: readonly Mutant[] = [
  {
    name: 'compaction-not-recorded',
    what: 'A record on the disk does not say which entries a snapshot has made superfluous.',
    knownFrom: '§5.1',
    file: 'src/storage/records.ts',
    replace: [
      {
        find: 'compactTo: (flags & HAS_BASE) === 0 ? null : base',
        with: 'compactTo: null',
      },
    ],
  },
  {
    name: 'pre-vote-always-granted',
    what: 'On the wire every pre-vote is granted.',
    knownFrom: '§9.6',
    file: 'src/transport/codec.ts',
    replace: [
      {
        find: 'writer.f64(message.requestTerm);\n      writer.flag(message.voteGranted);',
        with: 'writer.f64(message.requestTerm);\n      writer.flag(true);',
      },
    ],
  },
];

const VALUES: readonly Mutant[] = [
  {
    name: 'equal-hash-is-equal-key',
    what: 'Two keys of the same hash and length are taken for one.',
    knownFrom: 'Knuth, The Art of Computer Programming, 6.4',
    file: 'src/table.ts',
    replace: [
      {
        find: '      if (slots[slot * 2 + 1] !== hash) continue;\n',
        with: '      if (slots[slot * 2 + 1] === hash) return slot;\n      continue;\n',
      },
    ],
  },
  {
    name: 'short-terms',
    what: 'Terms are sent with 32 bits.',
    knownFrom: '§3.3',
    file: 'src/transport/codec.ts',
    replace: [
      { find: '  writer.f64(message.term);\n', with: '  writer.f64(message.term >>> 0);\n' },
    ],
  },
];

const MOMENTS: readonly Mutant[] = [
  {
    name: 'lease-kept-in-transfer',
    what: 'A leader that hands over goes on reading by its lease.',
    knownFrom: '§6.4.1, "leadership transfer"',
    file: 'src/raft/transfer.ts',
    replace: [{ find: '  leader.leaseVoid = true;\n', with: '' }],
  },
];

const LOOPS: readonly Mutant[] = [
  {
    name: 'kept-entries-counted-for-ever',
    what: 'Who counts which entries to keep behind a snapshot never comes to the next one.',
    knownFrom: '§5.1.3',
    file: 'src/raft/snapshot.ts',
    replace: [
      {
        find: '    if (bytes > settings.keptBytes) break;\n    base--;\n',
        with: '    if (bytes > settings.keptBytes) break;\n    bytes = 0;\n',
      },
    ],
  },
];

/** The simulator has disks of its own: what these break the tests find. */
const FILES: readonly Mutant[] = [
  {
    name: 'older-note-wins',
    what: 'Of two notes of what was acknowledged the older one counts after a restart.',
    knownFrom: '§3.8',
    file: 'src/storage/acknowledged-file.ts',
    replace: [
      {
        find: 'if (!(sequence > this.#sequence)) return;',
        with: 'if (this.#sequence >= 0 && !(sequence < this.#sequence)) return;',
      },
    ],
  },
];

export const AROUND_THE_CORE = {
  'refusals and answers': CLIENTS,
  'large states': LARGE_STATE,
  formats: FORMATS,
  values: VALUES,
  'moments of a fault': MOMENTS,
  'endless loops': LOOPS,
  files: FILES,
} as const satisfies Readonly<Record<string, readonly Mutant[]>>;
