/**
 * What the HTTP interface needs of the server behind it. The routes know this and nothing else of
 * Raft; `src/server.ts` carries it out.
 */
import type { Operation, RequestIdentity, Status } from '../command.ts';
import type { ClientReadMode } from '../node.ts';
import type { LinkSettings } from '../transport/link.ts';

/** A member by its address, and where people reach it from outside, if it has said so. */
export type KnownServer = { readonly id: string; readonly publicUrl: string | null };

/**
 * How a command or a read ended. Beside what the state machine says: `noQuorum`, no answer came in
 * time (indefinite for a write, definite for a read), and `storageFull`, refused before anything
 * happened.
 */
export type Reply = {
  readonly status: Status | 'noQuorum' | 'storageFull';
  /** What was found or replaced, as stored: UTF-8 JSON; `null` where nothing was. */
  readonly value: Uint8Array | null;
  /** The log entry that took effect, and its term; 0 for reads and refusals. */
  readonly index: number;
  readonly term: number;
};

/** How a change of membership or a transfer ended. */
export type AdministrationReply =
  /** `voters` are addresses. */
  | { readonly kind: 'done'; readonly voters: readonly string[] }
  | {
      readonly kind: 'refused';
      readonly reason:
        | 'notLeader'
        | 'changeInProgress'
        | 'lastVoter'
        /** The target of a transfer is no other voter. */
        | 'notVoter'
        /** Who was to leave is no member, and was none. */
        | 'notMember'
        /** Who was to join belongs to another cluster, or leads a life of its own. */
        | 'notWaiting'
        | 'catchUpTimeout'
        | 'transferTimeout'
        /** The lead was lost, or time ran out, on the way: it may yet complete. */
        | 'outcomeUnknown';
      /** One sentence for the user. */
      readonly message: string;
    };

export type Health = {
  readonly id: string;
  readonly role: string;
  readonly leader: string | null;
  readonly term: number;
  readonly commitIndex: number;
  readonly lastApplied: number;
  readonly lastLogIndex: number;
  /** Addresses. */
  readonly voters: readonly string[];
  readonly learners: readonly string[];
};

export type Faults = {
  readonly default: LinkSettings;
  /** By the peer's address; a link that is not named has the default. */
  readonly links: Readonly<Record<string, LinkSettings>>;
};

export interface FaultsDesk {
  get(): Faults;
  /** What was set before is gone. */
  replace(faults: Faults): void;
}

export interface Service {
  /** The own address, and where people reach this server from outside. */
  readonly self: KnownServer;
  /** Who leads, as far as this server knows; that may be itself. */
  leader(): KnownServer | null;
  leads(): boolean;
  /** Whether requests are forwarded that do not say. */
  readonly forwards: boolean;

  /**
   * A command: through the log. Always answers. `null` is a client without a session. Where this
   * server does not lead and `forwards` is set, the leader is asked, once.
   */
  write(operation: Operation, identity: RequestIdentity | null, forwards: boolean): Promise<Reply>;
  /** `stale` and `follower` are read at this server in any case. */
  read(key: Uint8Array, mode: ClientReadMode | 'log', forwards: boolean): Promise<Reply>;

  /** `peer` and `to` are addresses. */
  join(peer: string): Promise<AdministrationReply>;
  leave(peer: string): Promise<AdministrationReply>;
  transfer(to: string): Promise<AdministrationReply>;

  health(): Health;
  /** `null`, or what it waits for. */
  unready(): string | null;
  /** Plain data for people: role, term, vote, log, progress of followers, counters, process id. */
  debugState(): Readonly<Record<string, unknown>>;
  /** Numbers for `/metrics`, by metric name; read when they are asked for. */
  gauges(): Readonly<Record<string, number>>;
  /** `null` where fault injection is not enabled. */
  readonly faults: FaultsDesk | null;
}
