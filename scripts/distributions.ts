/**
 * Writes the tables in src/transport/distributions.ts. Real mathematics is used here, once, so that
 * the code that draws needs only integers. Run after a change, then let biome lay the numbers out:
 *
 *     npm exec node scripts/distributions.ts && npm exec biome check -- --write src/transport
 */
import { readFileSync, writeFileSync } from 'node:fs';

const OCTAVES = 32;
const STEPS = 32;
const SCALE = 8192;

/**
 * Deviates in 1/8192 of a standard deviation at the tail probabilities 2^-32 … 1, ascending, 32 of
 * them evenly spaced within each octave.
 */
function table(deviateAt: (tail: number) => number): number[] {
  const knots: number[] = [];
  for (let octave = OCTAVES; octave >= 1; octave--) {
    for (let step = 0; step < STEPS; step++) {
      knots.push(deviateAt((1 + step / STEPS) * 2 ** -octave));
    }
  }
  knots.push(deviateAt(1));
  return knots.map((deviate) => Math.round(deviate * SCALE) + 0);
}

/**
 * |z| of the standard normal distribution that is exceeded, in size, with the given probability.
 */
export function normalTable(): number[] {
  return table((tail) => {
    let low = 0;
    let high = 10;
    for (let round = 0; round < 60; round++) {
      const middle = (low + high) / 2;
      if (2 * normalTail(middle) > tail) low = middle;
      else high = middle;
    }
    return tail === 1 ? 0 : low;
  });
}

/**
 * Pareto of shape 3 and minimum 1, x = tail^(-1/3), less its mean 3/2, over its deviation √(3/4).
 */
export function paretoTable(): number[] {
  return table((tail) => (tail ** (-1 / 3) - 1.5) / Math.sqrt(0.75));
}

/** P(Z > z) for z >= 0. */
function normalTail(z: number): number {
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  if (z > 3) {
    // Laplace's continued fraction, which converges fast where the series below cancels.
    let fraction = z;
    for (let k = 200; k >= 1; k--) fraction = z + k / fraction;
    return density / fraction;
  }
  // Φ(z) - 1/2 = φ(z) · (z + z³/3 + z⁵/(3·5) + …), Abramowitz and Stegun 26.2.11.
  let term = z;
  let sum = z;
  for (let k = 3; k < 200; k += 2) {
    term *= (z * z) / k;
    sum += term;
  }
  return 0.5 - density * sum;
}

function rewrite(source: string, name: string, numbers: readonly number[]): string {
  const literal = new RegExp(`(const ${name}: readonly number\\[\\] = )\\[[^\\]]*\\];`);
  if (!literal.test(source)) throw new Error(`expected a constant ${name} to rewrite, found none`);
  return source.replace(literal, `$1[${numbers.join(', ')}];`);
}

if (import.meta.main) {
  const file = new URL('../src/transport/distributions.ts', import.meta.url);
  const source = readFileSync(file, 'utf8');
  writeFileSync(file, rewrite(rewrite(source, 'NORMAL', normalTable()), 'PARETO', paretoTable()));
}
