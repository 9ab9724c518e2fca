/**
 * Keeps a log readable: what happens to a peer again and again is said once, until it has changed.
 */

/** Strangers can make up peers and reasons; beyond so many it begins anew. */
const REMEMBERED_MAX = 1000;

export class Once {
  readonly #said = new Map<string, Set<string>>();
  #count = 0;

  /** True the first time. */
  isNew(peer: string, what: string): boolean {
    if (this.#said.get(peer)?.has(what) === true) return false;
    if (this.#count >= REMEMBERED_MAX) {
      this.clear();
    }
    const said = this.#said.get(peer) ?? new Set();
    this.#said.set(peer, said.add(what));
    this.#count++;
    return true;
  }

  /** All of it is news from now on. */
  clear(): void {
    this.#said.clear();
    this.#count = 0;
  }

  /** All is well with the peer: what happens next is news. */
  forget(peer: string): void {
    this.#count -= this.#said.get(peer)?.size ?? 0;
    this.#said.delete(peer);
  }
}
