/**
 * Shows that a search's memory of where it has been takes no configuration for another, against
 * plain sets: it knows one again just if one is there that has spent no more.
 *
 *     npx ava test/visited.test.ts
 */
import test from 'ava';
import fc from 'fast-check';
import { PlacedSet, scramble, VisitedSet } from '../lab/visited.ts';
import { always } from './support/property.ts';

/** Enough for several words, and for sets that fill their first ones. */
const SIZE = 100;

const change = fc.record({
  spent: fc.boolean(),
  /** A run of numbers, all added or all removed. */
  from: fc.nat(SIZE - 1),
  length: fc.oneof(fc.nat(3), fc.nat(SIZE)),
  added: fc.boolean(),
});

type Known = { readonly state: number; readonly placed: string; readonly spent: Set<number> };

test('knows a configuration again just if one like it has spent no more', (t) => {
  let again = 0;
  let fresh = 0;
  const property = fc.property(
    fc.array(fc.tuple(change, fc.nat(1)), { maxLength: 60 }),
    fc.constantFrom(0, 0xffff_ffff),
    (steps, hashes) => {
      const visited = new VisitedSet(1);
      const sets = { placed: new PlacedSet(SIZE), spent: new PlacedSet(SIZE) };
      const plain = { placed: new Set<number>(), spent: new Set<number>() };
      const known: Known[] = [];
      return steps.every(([{ spent, from, length, added }, state]) => {
        const which = spent ? 'spent' : 'placed';
        for (let i = from; i < Math.min(SIZE, from + length); i++) {
          if (added) {
            sets[which].add(i);
            plain[which].add(i);
          } else {
            sets[which].remove(i);
            plain[which].delete(i);
          }
        }
        for (let i = 0; i < SIZE; i++) if (sets[which].has(i) !== plain[which].has(i)) return false;
        const placed = [...plain.placed].sort((a, b) => a - b).join();
        const there = known.some(
          (each) =>
            each.state === state && each.placed === placed && each.spent.isSubsetOf(plain.spent),
        );
        known.push({ state, placed, spent: new Set(plain.spent) });
        if (there) again++;
        else fresh++;
        // With one hash for all, only the comparison tells them apart.
        const hash = scramble(plain.placed.size + 7 * state) & hashes;
        return visited.add(hash, state, 0, sets.placed, sets.spent) === !there;
      });
    },
  );
  always(t, property, 1500);
  t.true(again > 1000 && fresh > 1000, `${again} again, ${fresh} fresh`);
});
