/**
 * A history as clients of a correct store would tell it: operations take effect at one moment
 * between call and return, some answers are lost, some requests refused. For pictures and their
 * tests.
 */
import type { HistoryOperation, HistoryResult } from '../../lab/history.ts';
import { executeOn } from '../../lab/model.ts';
import { OPERATION_KINDS } from '../../src/command.ts';
import { between, chance, fork, pick } from '../../src/raft/random.ts';

export type SampledHistoryOptions = {
  readonly seed: number;
  readonly clients: number;
  readonly perClient: number;
  readonly keys: number;
  /** Operations of a client that may overlap. */
  readonly outstanding: number;
};

const DEFAULTS: SampledHistoryOptions = {
  seed: 1,
  clients: 4,
  perClient: 10,
  keys: 2,
  outstanding: 1,
};

export function sampledHistory(overrides: Partial<SampledHistoryOptions> = {}): HistoryOperation[] {
  const options = { ...DEFAULTS, ...overrides };
  const rng = fork(options.seed, 'history');
  const drafts = Array.from({ length: options.clients * options.outstanding }, (_, i) => {
    let ns = between(rng, 0, 2_000_000);
    return Array.from({ length: options.perClient }, () => {
      const call = ns + between(rng, 100_000, 1_500_000);
      const effect = call + between(rng, 200_000, 2_000_000);
      const end = effect + between(rng, 200_000, 1_500_000);
      ns = end + (chance(rng, 0.05) ? 60_000_000 : 0);
      return { client: i % options.clients, call, effect, end };
    });
  }).flat();
  drafts.sort((a, b) => a.effect - b.effect);

  const state = new Map<string, string>();
  let values = 0;
  return drafts.map(({ client, call, end }): HistoryOperation => {
    const op = chance(rng, 0.5) ? 'get' : pick(rng, OPERATION_KINDS);
    const key = `k${between(rng, 1, options.keys)}`;
    const before = state.get(key) ?? null;
    const writes = op !== 'get' && op !== 'delete';
    const value = writes ? `v${++values}` : null;
    const expected = chance(rng, 0.7) ? before : 'v0';
    const request = {
      client,
      op,
      key,
      call,
      ...(writes ? { value } : {}),
      ...(op === 'cas' ? { expected } : {}),
    };
    if (chance(rng, 0.06)) return { ...request, return: end, outcome: 'fail' };
    const { after, status, found } = executeOn(before, op, value, expected);
    if (after === null) state.delete(key);
    else state.set(key, after);
    if (chance(rng, 0.06)) return { ...request, return: null, outcome: 'unknown' };
    const result: HistoryResult = found === null ? { status } : { status, value: found };
    return { ...request, return: end, outcome: 'ok', result };
  });
}

/** A get of the key, after `share` of the history, that finds what had been overwritten before. */
export function withStaleRead(
  history: readonly HistoryOperation[],
  share = 0.6,
): HistoryOperation[] {
  const sorted = [...history].sort((a, b) => a.call - b.call);
  const from = Math.floor(sorted.length * share);
  const victim = sorted.find(
    (each, i) => i >= from && each.op === 'get' && each.outcome === 'ok' && each.result?.value,
  );
  if (victim === undefined) throw new Error('no get to spoil');
  const writes = sorted.filter(
    (each) =>
      each.key === victim.key &&
      each.op === 'put' &&
      each.outcome === 'ok' &&
      (each.return ?? 0) < victim.call &&
      each.value !== victim.result?.value,
  );
  const stale = writes[Math.max(writes.length - 2, 0)];
  if (stale?.value === undefined) throw new Error('no value that was overwritten');
  const spoiled = { ...victim, result: { status: 'ok', value: stale.value } } as const;
  return history.map((each) => (each === victim ? spoiled : each));
}
