/**
 * Looks up hosts' addresses, each host at most once at a time. A name server that does not answer
 * holds a lookup for far longer than a dial may take, and lookups cannot be taken back: without
 * this, dials to a host that is gone would pile up behind each other.
 */
import { type LookupAddress, lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

type Found = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;

export class Lookups {
  readonly #underWay = new Map<string, Found[]>();

  /** What sockets want. */
  readonly lookup: LookupFunction = (host, options, callback) => {
    this.#find(host, (error, addresses) => {
      const [first] = addresses;
      if (error !== null || first === undefined) callback(error ?? notFound(host), '', 0);
      else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };

  #find(host: string, found: Found): void {
    const waiting = this.#underWay.get(host);
    if (waiting !== undefined) {
      waiting.push(found);
      return;
    }
    const all = [found];
    this.#underWay.set(host, all);
    lookup(host, { all: true }, (error, addresses) => {
      this.#underWay.delete(host);
      for (const each of all) each(error, addresses ?? []);
    });
  }
}

function notFound(host: string): Error {
  return new Error(`no address of ${host}`);
}
