/**
 * Which writes of unknown outcome can matter to a key at all. Most never took effect or were never
 * seen, and a search that need not consider them is far shorter.
 *
 * What a key holds is of use until some time: until the last of the completed operations that can
 * be executed on it, puts apart, has returned; or, if an open operation that can still be of use
 * turns it into something else, depending on what it finds, until that is of use no longer. An open
 * write may be left out if what it leaves behind is of no use at its call or later.
 *
 * Proof that this loses no linearization. Give each operation of one a moment between its call and
 * its return at which it is executed. Of the open ones that change the state when what they leave
 * is of no use any more, as those left out do wherever they stand, take the last, W, and look at
 * what follows up to the first put or delete, or to the end. No completed operation is among that:
 * it would be executed on what W leaves, so that would have been of use until its return. The open
 * ones among it change nothing: what they leave would be of no use either, and W is the last. So W
 * can be taken out with all of them, and the put or delete that follows leaves the same behind
 * whatever it finds (a delete that follows is not completed, or what W leaves would have been of
 * use until it returned). One fewer is there that changes the state to no use, and so on.
 */
import {
  effectOf,
  type JudgedOperation,
  stateAfter,
  statesOf,
  UNNAMED,
  type ValueId,
} from './judged-operation.ts';

const NEVER = Number.NEGATIVE_INFINITY;

/** The open writes of one key that can matter, in their order, and until when each does. */
export function openWritesThatMatter(
  completed: readonly JudgedOperation[],
  open: readonly JudgedOperation[],
  texts: readonly (string | null)[],
): { readonly write: JudgedOperation; readonly until: number }[] {
  if (open.length === 0) return [];
  const admitted = lastAdmitted(completed, texts);
  const until = new Map<ValueId, number>();
  for (const write of open) until.set(effectOf(write), admitted(effectOf(write)));
  const conditional = open.filter(({ kind }) => kind !== 'put' && kind !== 'delete');
  for (let changed = true; changed; ) {
    changed = false;
    for (const user of conditional) {
      const used = until.get(user.value) ?? NEVER;
      if (used < user.call) continue;
      for (const [state, before] of until) {
        if (before >= used || stateAfter(user, state, texts) === state) continue;
        until.set(state, used);
        changed = true;
      }
    }
  }
  return open
    .map((write) => ({ write, until: until.get(effectOf(write)) ?? NEVER }))
    .filter((each) => each.until >= each.write.call);
}

/** When the last of the completed operations that can be executed on a state has returned. */
function lastAdmitted(
  completed: readonly JudgedOperation[],
  texts: readonly (string | null)[],
): (state: ValueId) => number {
  const last = new Map<ValueId, number>();
  for (const operation of completed) {
    if (operation.kind === 'put') continue;
    for (const state of statesOf(operation, texts)) {
      last.set(state, Math.max(last.get(state) ?? NEVER, operation.return));
    }
  }
  const lastUnnamed = last.get(UNNAMED) ?? NEVER;
  return (state) => Math.max(lastUnnamed, last.get(state) ?? NEVER);
}
