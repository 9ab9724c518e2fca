/** Scenarios as data: steps that do something, expect something or measure something. */
import type { LinkSettings } from '../../src/transport/link.ts';
import type { Json } from '../history.ts';
import type { HttpRequest } from '../http/links.ts';
import type { ServerAction } from './host.ts';

/**
 * Whom a step is about, by the part that the server played when the scenario began; `whoLeads` is
 * whoever leads when the step comes, and `whoFollows` another: without a fault, too, a busy machine
 * may have elected anew since.
 */
export type Role = 'leader' | 'follower' | 'other' | 'newcomer' | 'whoLeads' | 'whoFollows';

export type Step =
  | { readonly kind: 'act'; readonly act: ServerAction; readonly on: readonly Role[] }
  /** A server more, which belongs to nobody yet. */
  | { readonly kind: 'add' }
  | { readonly kind: 'join' | 'leave' | 'transfer'; readonly who: Role; readonly measure?: string }
  /** What `from` sends to `to`, each to each; links that are not named stay as they are. */
  | {
      readonly kind: 'links';
      readonly from: readonly Role[];
      readonly to: readonly Role[];
      readonly settings: Partial<LinkSettings>;
    }
  /** All links are as they were. */
  | { readonly kind: 'heal' }
  | { readonly kind: 'hold'; readonly forMs: number }
  /** A request gets this answer: at once, or in the end where `withinMs` is given. */
  | {
      readonly kind: 'call';
      readonly at: Role;
      readonly request: HttpRequest;
      readonly status: number;
      /** Fields that the answer has, beside others. */
      readonly body?: { readonly [name: string]: Json };
      readonly withinMs?: number;
    }
  /** One of these acknowledges a write, and each of them serves a linearizable read. */
  | { readonly kind: 'served'; readonly at: readonly Role[]; readonly measure?: string }
  /** None of these acknowledges a write or serves a linearizable read. */
  | { readonly kind: 'unserved'; readonly at: readonly Role[] }
  /** Each has applied what was committed when the step began. */
  | { readonly kind: 'caughtUp'; readonly who: readonly Role[]; readonly measure?: string };

export type Scenario = {
  readonly name: string;
  /** What it shows, in one sentence. */
  readonly about: string;
  readonly nodes: number;
  readonly steps: readonly Step[];
};
