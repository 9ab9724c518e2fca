/**
 * Keeps a connection to one peer: dials, waits a little longer after each failure, and dials again.
 */
import { between, fork, type RandomState } from '../raft/random.ts';
import type { NodeId } from '../raft/types.ts';
import type { PeerIdentity } from './handshake.ts';
import { Connection } from './ws-connection.ts';
import { Dial, type DialFailure, type DialOptions } from './ws-dial.ts';
import type { PeerLink } from './ws-link.ts';

const BACKOFF_MIN_MS = 20;
const BACKOFF_MAX_MS = 250;
/** A connection that ends sooner was of no use, and does not begin the backoff anew. */
const USEFUL_AFTER_US = 1_000_000;
/** A dial older than this when the peer turns up is stuck, as one to its former place is. */
const STUCK_AFTER_US = 200_000;

export type DialerOptions = {
  readonly address: string;
  readonly link: PeerLink;
  readonly seed: number;
  nowUs(): number;
  dialOptions(): DialOptions;
  connected(identity: PeerIdentity): void;
  lost(reason: string): void;
  failed(failure: DialFailure): void;
};

type State =
  | { readonly kind: 'dialling'; readonly dial: Dial; readonly sinceUs: number }
  | { readonly kind: 'waiting'; readonly timer: NodeJS.Timeout }
  | {
      readonly kind: 'connected';
      readonly connection: Connection;
      readonly sinceUs: number;
      /** What this server was called when it introduced itself. */
      readonly as: NodeId;
    }
  | { readonly kind: 'closed' };

export class Dialer {
  readonly #options: DialerOptions;
  readonly #rng: RandomState;
  #state: State = { kind: 'closed' };
  #backoffMs = BACKOFF_MIN_MS;

  constructor(options: DialerOptions) {
    this.#options = options;
    this.#rng = fork(options.seed, `dial ${options.address}`);
    this.#dial();
  }

  /** As whom the peer knows this server; `null` without a connection. */
  get connectedAs(): NodeId | null {
    return this.#state.kind === 'connected' ? this.#state.as : null;
  }

  /** The peer is there: it has just been heard from. */
  hurry(): void {
    const state = this.#state;
    const isStuck =
      state.kind === 'dialling' && this.#options.nowUs() - state.sinceUs > STUCK_AFTER_US;
    if (state.kind === 'waiting' || isStuck) this.redial();
  }

  redial(): void {
    this.close();
    this.#backoffMs = BACKOFF_MIN_MS;
    this.#dial();
  }

  tick(): void {
    if (this.#state.kind === 'connected') this.#state.connection.tick();
  }

  close(): void {
    const state = this.#state;
    this.#state = { kind: 'closed' };
    this.#options.link.use(null);
    if (state.kind === 'dialling') state.dial.cancel();
    else if (state.kind === 'waiting') clearTimeout(state.timer);
    else if (state.kind === 'connected') state.connection.close();
  }

  #dial(): void {
    const { address, link } = this.#options;
    const dialOptions = this.#options.dialOptions();
    const dial = new Dial(address, dialOptions, (outcome) => {
      if (outcome.kind === 'failed') {
        this.#options.failed(outcome);
        this.#wait();
        return;
      }
      const { identity, socket, websocket } = outcome;
      const connection = new Connection(websocket, socket, null, (reason) => this.#lose(reason));
      const sinceUs = this.#options.nowUs();
      this.#state = { kind: 'connected', connection, sinceUs, as: dialOptions.self.name };
      link.use(connection);
      this.#options.connected(identity);
    });
    this.#state = { kind: 'dialling', dial, sinceUs: this.#options.nowUs() };
  }

  #lose(reason: string): void {
    const state = this.#state;
    if (state.kind !== 'connected') return;
    if (this.#options.nowUs() - state.sinceUs > USEFUL_AFTER_US) this.#backoffMs = BACKOFF_MIN_MS;
    this.#options.link.use(null);
    this.#options.lost(reason);
    this.#wait();
  }

  /** Half of the wait is chance: those who lost each other at once do not dial at once for ever. */
  #wait(): void {
    const waitMs = between(this.#rng, this.#backoffMs >> 1, this.#backoffMs);
    this.#backoffMs = Math.min(2 * this.#backoffMs, BACKOFF_MAX_MS);
    this.#state = { kind: 'waiting', timer: setTimeout(() => this.#dial(), waitMs) };
  }
}
