/**
 * Every entry that any server ever had. Each pair of index and term names one entry with one
 * predecessor, so by induction the logs before it are equal, too (Log Matching, §3.5): a log is
 * known by its last entry, and so is the configuration in force at its end.
 */
import type {
  Configuration,
  Entry,
  Index,
  NodeId,
  PlacedConfiguration,
  Term,
} from '../../src/raft/types.ts';
import { sameEntry } from './comparison.ts';
import { fail } from './properties.ts';

type Known = {
  readonly entry: Entry;
  readonly previousTerm: Term;
  /** The latest in the log that ends with this entry. */
  readonly configuration: PlacedConfiguration;
};

export class SeenEntries {
  readonly #initial: PlacedConfiguration;
  /** By index less 1, then by term. */
  readonly #known: Map<Term, Known>[] = [];

  constructor(configuration: Configuration) {
    this.#initial = { index: 0, configuration };
  }

  /** A server has this entry, behind one of `previousTerm`. True if nobody had it before. O(1). */
  match(id: NodeId, entry: Entry, previousTerm: Term): boolean {
    const { index, term } = entry;
    let known = this.#known[index - 1];
    if (known === undefined) {
      known = new Map();
      this.#known[index - 1] = known;
    }
    const other = known.get(term);
    if (other === undefined) {
      const configuration = this.#configurationOf(id, entry, previousTerm);
      known.set(term, { entry, previousTerm, configuration });
      return true;
    }
    if (other.previousTerm !== previousTerm) {
      fail(
        'logMatching',
        `entry ${index} of term ${term} follows one of term ${previousTerm} on ${id} ` +
          `and one of term ${other.previousTerm} elsewhere`,
      );
    }
    if (!sameEntry(other.entry, entry)) {
      fail('logMatching', `entry ${index} of term ${term} on ${id} differs from another's`);
    }
    return false;
  }

  #configurationOf(id: NodeId, entry: Entry, previousTerm: Term): PlacedConfiguration {
    const { index, kind, term } = entry;
    if (index > 1 && this.#known[index - 2]?.get(previousTerm) === undefined) {
      const previous = `entry ${index - 1} of term ${previousTerm}`;
      fail('logMatching', `entry ${index} of term ${term} on ${id} follows ${previous}, unknown`);
    }
    if (kind === 'configuration') return { index, configuration: entry.configuration };
    return this.configurationAfter(index - 1, previousTerm);
  }

  /** The latest configuration in a log that ends so (§4.1). O(1). */
  configurationAfter(lastIndex: Index, lastTerm: Term): PlacedConfiguration {
    if (lastIndex === 0) return this.#initial;
    const known = this.#known[lastIndex - 1]?.get(lastTerm);
    if (known === undefined) throw new Error(`nobody had entry ${lastIndex} of term ${lastTerm}`);
    return known.configuration;
  }

  /**
   * The term at `index` in a log that ends so; `undefined` beyond its end. O(entries behind it).
   */
  termAt(lastIndex: Index, lastTerm: Term, index: Index): Term | undefined {
    if (index > lastIndex) return undefined;
    let term: Term | undefined = lastTerm;
    for (let at = lastIndex; at > index && term !== undefined; at--) {
      term = this.#known[at - 1]?.get(term)?.previousTerm;
    }
    return term;
  }
}
