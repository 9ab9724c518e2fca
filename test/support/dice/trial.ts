/** A trial that costs nothing: a throw of dice, which goes wrong with as many sides as asked. */
import { between, fork } from '../../../src/raft/random.ts';

export type Cell = { readonly sides: number; readonly colour: 'red' | 'blue' };

export function trial({ colour, sides }: Cell, seed: number): number {
  if (sides === 13) throw new Error(`a ${colour} die of 13 sides rolled away\n  at nowhere`);
  return between(fork(seed, 'die'), 1, sides);
}
