/**
 * Networks that were measured and published, as settings of links; each kind of message its own.
 */
import type { Message } from '../../src/raft/types.ts';
import type { LinkSettings } from '../../src/transport/link.ts';

export type LinkProfile = {
  readonly about: string;
  of(message: Message): Partial<LinkSettings>;
};

/** Delays are uniform within the mean and a share of it on either side. */
function around(meanMs: number, share: number): Partial<LinkSettings> {
  return { delayMs: meanMs, jitterMs: meanMs * share, distribution: 'uniform' };
}

const REQUEST = around(2.2, 0.5);
const VOTE = around(10, 0.3);

/**
 * LogCabin's five servers on gigabit Ethernet (Ongaro 2014, §9.4). What is published of it is the
 * broadcast time, network round trip and disk write, of roughly 15 ms. A vote waits for the disk of
 * the voter and for threads to be woken; a heartbeat waits for neither. So of the 15 ms about 12
 * are the exchange of votes, 2.2 there and 10 back, and what remains is the new leader's first
 * heartbeat. Both numbers were chosen once, for all timeout ranges alike.
 */
export const LOGCABIN_LAN: LinkProfile = {
  about: 'requests 2.2 ms · U(0.5, 1.5) one way, votes 10 ms · U(0.7, 1.3)',
  of: ({ kind }) => (kind === 'RequestVoteResponse' ? VOTE : REQUEST),
};
