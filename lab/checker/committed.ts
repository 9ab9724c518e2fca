/** Everything that leaders have committed, from the first entry on: no server may contradict it. */
import { termAt } from '../../src/raft/log.ts';
import type {
  Configuration,
  Entry,
  Index,
  Log,
  NodeId,
  PlacedConfiguration,
  SnapshotMeta,
  Term,
} from '../../src/raft/types.ts';
import { sameConfiguration } from './comparison.ts';
import { describeConfiguration } from './majority.ts';
import { fail } from './properties.ts';

export class CommittedLog {
  readonly entries: Entry[] = [];
  /** By index less 1: the term of the leader that committed it first. */
  readonly #leaderTerms: Term[] = [];
  /** Oldest first, with the one before the first entry. */
  readonly #configurations: PlacedConfiguration[];

  constructor(configuration: Configuration) {
    this.#configurations = [{ index: 0, configuration }];
  }

  get lastIndex(): Index {
    return this.entries.length;
  }

  get configuration(): Configuration {
    return this.configurationAt(this.lastIndex).configuration;
  }

  add(entry: Entry, leaderTerm: Term): void {
    this.entries.push(entry);
    this.#leaderTerms.push(leaderTerm);
    if (entry.kind !== 'configuration') return;
    this.#configurations.push({ index: entry.index, configuration: entry.configuration });
  }

  termAt(index: Index): Term | undefined {
    return index === 0 ? 0 : this.entries[index - 1]?.term;
  }

  /** The term at an index of a server's log; what lies before its base is committed. */
  termIn(log: Log, index: Index): Term | undefined {
    return index < log.baseIndex ? this.termAt(index) : termAt(log, index);
  }

  /** The last index that was committed by the leader of an earlier term; 0 is none. */
  lastBefore(term: Term): Index {
    let index = this.lastIndex;
    while (index > 0 && (this.#leaderTerms[index - 1] as Term) >= term) index--;
    return index;
  }

  configurationAt(index: Index): PlacedConfiguration {
    let at = this.#configurations.length - 1;
    while ((this.#configurations[at] as PlacedConfiguration).index > index) at--;
    return this.#configurations[at] as PlacedConfiguration;
  }

  /** §5.1: what a snapshot stands for is committed, and so is the configuration that it carries. */
  checkSnapshot(id: NodeId, { index, term, configuration: carried }: SnapshotMeta): void {
    const snapshot = `${id} has a snapshot of entry ${index}`;
    const committed = this.termAt(index);
    if (committed === undefined) {
      fail('snapshotIsCommitted', `${snapshot}, leaders have committed ${this.lastIndex}`);
    }
    if (committed !== term) {
      const where = `where one of term ${committed} is committed`;
      fail('snapshotIsCommitted', `${snapshot} of term ${term}, ${where}`);
    }
    const inForce = this.configurationAt(index);
    if (
      inForce.index === carried.index &&
      sameConfiguration(inForce.configuration, carried.configuration)
    ) {
      return;
    }
    fail(
      'snapshotIsCommitted',
      `${snapshot} with the configuration ${describePlaced(carried)}, ` +
        `where ${describePlaced(inForce)} is in force`,
    );
  }
}

function describePlaced({ index, configuration }: PlacedConfiguration): string {
  return `${describeConfiguration(configuration)} of entry ${index}`;
}
