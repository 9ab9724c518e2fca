/**
 * A cluster whose servers each send over one line, in order, as over TCP: what goes to one server
 * waits for what goes to the others, so that catching a server up costs the rest something.
 */
import { addressOf } from '../../src/raft/identity.ts';
import { fork, type RandomState } from '../../src/raft/random.ts';
import type { Message } from '../../src/raft/types.ts';
import { frameBytes } from '../../src/transport/codec.ts';
import { drawJitterUs } from '../../src/transport/distributions.ts';
import type { LinkSettings } from '../../src/transport/link.ts';
import type { Link } from '../sim/network.ts';
import { type ClusterPlan, StudyCluster } from './cluster.ts';

const US_PER_S = 1_000_000;
const US_PER_MS = 1000;

/** From one server to another. */
type Way = { readonly rng: RandomState; lastArrivalUs: number };

export class UplinkCluster extends StudyCluster {
  readonly #seed: number;
  readonly #bytesPerSecond: number;
  /** By server, when the last byte of what it has sent so far leaves it. */
  readonly #freeUs = new Map<string, number>();
  readonly #ways = new Map<Link, Way>();

  /** The rate is each server's; the links of the plan add their delay to it. */
  constructor(plan: ClusterPlan, bytesPerSecond: number) {
    super(plan);
    this.#seed = plan.seed;
    this.#bytesPerSecond = bytesPerSecond;
  }

  override linkSettings(message: Message, link: Link): LinkSettings {
    const { nowUs } = this.events;
    const { settings } = link;
    const sender = addressOf(message.from);
    const sendingUs = (frameBytes(message) * US_PER_S) / this.#bytesPerSecond;
    const freeUs = Math.max(nowUs, this.#freeUs.get(sender) ?? 0) + sendingUs;
    this.#freeUs.set(sender, freeUs);
    const way = this.#wayOf(link, `uplink ${sender} ${addressOf(message.to)}`);
    const { delayMs, distribution, jitterMs } = settings;
    const jitterUs = drawJitterUs(way.rng, distribution, jitterMs * US_PER_MS);
    // Later jitter overtakes nothing that was sent before.
    const arrivalUs = Math.max(freeUs + delayMs * US_PER_MS + jitterUs, way.lastArrivalUs);
    way.lastArrivalUs = arrivalUs;
    return { ...settings, delayMs: (arrivalUs - nowUs) / US_PER_MS, jitterMs: 0 };
  }

  #wayOf(link: Link, name: string): Way {
    let way = this.#ways.get(link);
    if (way === undefined) {
      way = { rng: fork(this.#seed, name), lastArrivalUs: 0 };
      this.#ways.set(link, way);
    }
    return way;
  }
}
