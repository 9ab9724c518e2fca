/**
 * What faults do to the links between the nodes of a cluster. They may overlap: changes lie on top
 * of what the link began with in the order in which they came, and a link is whole again when the
 * last cut of it has ended.
 */
import type { NodeId } from '../../src/raft/types.ts';
import type { LinkSettings } from '../../src/transport/link.ts';
import type { ThreadCluster } from './cluster.ts';

export type Pair = readonly [from: NodeId, to: NodeId];

type Faults = { readonly changes: Partial<LinkSettings>[]; cuts: number };

export class LinkFaults {
  readonly #cluster: ThreadCluster;
  readonly #links = new Map<string, Faults>();

  constructor(cluster: ThreadCluster) {
    this.#cluster = cluster;
  }

  /** The links carry nothing until the returned function is called. */
  cut(pairs: readonly Pair[]): () => void {
    const add = (cuts: 1 | -1): void => {
      for (const pair of pairs) {
        this.#faults(pair).cuts += cuts;
        this.#settle(pair);
      }
    };
    add(1);
    return () => add(-1);
  }

  /** Changes settings of the links until the returned function is called. */
  change(pairs: readonly Pair[], settings: Partial<LinkSettings>): () => void {
    for (const pair of pairs) {
      this.#faults(pair).changes.push(settings);
      this.#settle(pair);
    }
    return () => {
      for (const pair of pairs) {
        const { changes } = this.#faults(pair);
        changes.splice(changes.indexOf(settings), 1);
        this.#settle(pair);
      }
    };
  }

  #settle([from, to]: Pair): void {
    const { changes, cuts } = this.#faults([from, to]);
    const settings: LinkSettings = Object.assign({}, this.#cluster.options.link, ...changes);
    this.#cluster.setLink(from, to, cuts === 0 ? settings : { ...settings, cut: true });
  }

  #faults([from, to]: Pair): Faults {
    const name = `${from}->${to}`;
    let faults = this.#links.get(name);
    if (faults === undefined) {
      faults = { changes: [], cuts: 0 };
      this.#links.set(name, faults);
    }
    return faults;
  }
}
