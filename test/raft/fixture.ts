/** What the tests of the core share: settings, logs from a row of terms, commands that read as text. */
import { fork } from '../../src/raft/random.ts';
import { create } from '../../src/raft/raft.ts';
import type {
  Configuration,
  Entry,
  NodeId,
  RaftState,
  Settings,
  Term,
} from '../../src/raft/types.ts';

/** The dissertation's usual timeouts (§3.4), everything switched on, windows and batches small. */
export const SETTINGS: Settings = {
  electionTimeoutMs: [150, 300],
  heartbeatMs: 50,
  preVote: true,
  checkQuorum: true,
  leaderStickiness: true,
  parallelDiskWrite: true,
  windowMessages: 4,
  batchEntries: 8,
  batchBytes: 65_536,
};

/** The Raft of chapter 3: none of what later chapters add. */
export const CHAPTER_3: Settings = {
  ...SETTINGS,
  preVote: false,
  checkQuorum: false,
  leaderStickiness: false,
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeCommand(text: string): Uint8Array {
  return encoder.encode(text);
}

export function decodeCommand(command: Uint8Array): string {
  return decoder.decode(command);
}

export function simple(...voters: NodeId[]): Configuration {
  return { voters, outgoing: [], learners: [] };
}

/** As figure 3.6 draws logs, a term per entry: `entriesOf([1, 1, 4])` is 1/1 c1, 2/1 c2, 3/4 c3. */
export function entriesOf(terms: readonly Term[], fromIndex = 1): Entry[] {
  return terms.map((term, i) => {
    const index = fromIndex + i;
    return Object.freeze({ index, term, kind: 'command', command: encodeCommand(`c${index}`) });
  });
}

export type ServerOptions = {
  readonly id?: NodeId;
  readonly voters?: readonly NodeId[];
  readonly settings?: Partial<Settings>;
  readonly term?: Term;
  readonly vote?: NodeId | null;
  /** The log, a term per entry. */
  readonly terms?: readonly Term[];
};

/** A follower at time 0, `n1` of three unless told otherwise. */
export function server(options: ServerOptions = {}): RaftState {
  const id = options.id ?? 'n1';
  const terms = options.terms ?? [];
  return create({
    id,
    settings: { ...SETTINGS, ...options.settings },
    rng: fork(1, `raft ${id}`),
    nowUs: 0,
    configuration: simple(...(options.voters ?? ['n1', 'n2', 'n3'])),
    currentTerm: options.term ?? terms.at(-1) ?? 0,
    votedFor: options.vote ?? null,
    entries: entriesOf(terms),
  });
}
