/**
 * The project's tests against a mutant: those that import its file, nearest first, each in a
 * process that loads the mutant, until one fails.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ImportGraph, importGraph, loadedWith } from '../imports.ts';
import type { Mutant } from './mutant.ts';

/** `run out of time`: it did not end in the time that it had. */
type TestEnd = {
  readonly kind: 'passed' | 'failed' | 'run out of time';
  readonly wallMs: number;
};

export type TestsEnd = {
  readonly killer: { readonly test: string; readonly late: boolean } | null;
  /** Those that passed, and those that there was no time for. */
  readonly tests: readonly string[];
  readonly left: readonly string[];
};

/** More of them cost more than they find: those left out import the file from further away. */
const FILES_MAX = 12;
/** For one file of tests. One that is as slow as a third of it anyway does not count as late. */
const LIMIT_MS = 120_000;
const TIMES_BASELINE = 3;
const SIMULATOR = 'lab/sim/run.ts';
const PLANT = new URL('./plant.ts', import.meta.url).href;

export class TestRuns {
  readonly #root: string;
  readonly #tell: (line: string) => void;
  readonly #graph: ImportGraph;
  readonly #tests: readonly string[];
  /** How long each test took when it was last passed. */
  readonly #tookMs = new Map<string, number>();
  /** How long each test takes as the code is; `null` if it does not pass. */
  readonly #baselines = new Map<string, Promise<number | null>>();

  /** `tell` hears of tests that cannot be used. */
  constructor(root: string, tell: (line: string) => void) {
    this.#root = root;
    this.#tell = tell;
    const files = ['src', 'lab', 'experiments', 'scripts', 'test'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .map((file) => join(folder, file))
        .filter((file) => file.endsWith('.ts')),
    );
    this.#graph = importGraph(files);
    this.#tests = files.filter((file) => file.endsWith('.test.ts'));
  }

  simulatorLoads(file: string): boolean {
    return loadedWith(this.#graph, [SIMULATOR], false).has(file);
  }

  /** Those that load the file by the fewest imports, or share words of its path. */
  near(file: string): string[] {
    return this.#tests
      .flatMap((test) => {
        const imports = this.#distance(test, file);
        return imports === null ? [] : [{ test, far: imports - wordsShared(test, file) }];
      })
      .toSorted((a, b) => a.far - b.far || (a.test < b.test ? -1 : 1))
      .slice(0, FILES_MAX)
      .map(({ test }) => test);
  }

  /** Runs tests until one notices the mutant, or `forMs` are over; baselines do not count. */
  async run(mutant: Mutant, forMs: number, signal: AbortSignal): Promise<TestsEnd> {
    const tests: string[] = [];
    // Those that have not been run yet keep their place before the others.
    const usual = (test: string): number => this.#tookMs.get(test) ?? 0;
    const left = this.near(mutant.file).toSorted((a, b) => usual(a) - usual(b));
    let spentMs = 0;
    for (let test = left.shift(); test !== undefined; test = left.shift()) {
      if (spentMs >= forMs) return { killer: null, tests, left: [test, ...left] };
      const { kind, wallMs } = await this.#run(test, mutant, signal);
      spentMs += wallMs;
      if (kind === 'passed') {
        this.#tookMs.set(test, wallMs);
        tests.push(test);
        continue;
      }
      const late = kind === 'run out of time';
      if (await this.#passesWithout(test, late, signal)) {
        return { killer: { test, late }, tests, left: [] };
      }
    }
    return { killer: null, tests, left };
  }

  /** So that it is the mutant which a test does not pass with. */
  #passesWithout(test: string, late: boolean, signal: AbortSignal): Promise<boolean> {
    const known = this.#baselines.get(test);
    const found =
      known ??
      this.#run(test, null, signal).then(({ kind, wallMs }) => {
        this.#tookMs.set(test, wallMs);
        if (kind !== 'passed')
          this.#tell(`${test} does not count: without a mutant it has ${kind}`);
        return kind === 'passed' ? wallMs : null;
      });
    this.#baselines.set(test, found);
    return found.then((ms) => ms !== null && !(late && ms > LIMIT_MS / TIMES_BASELINE));
  }

  /** Imports on the way to a file, those of tests apart; `null` if there is no way. */
  #distance(from: string, to: string): number | null {
    const seen = new Set([from]);
    const importedBy = (file: string): string[] => {
      const imports = (this.#graph.get(file) ?? []).filter(({ typeOnly }) => !typeOnly);
      const found = imports.map(({ target }) => target).filter((target) => !seen.has(target));
      for (const target of found) seen.add(target);
      return found;
    };
    let ring = [from];
    for (let far = 0; ring.length > 0; far++) {
      // What tests share is as near as they are; the loop goes on with what it adds.
      for (const file of ring) if (file.startsWith('test/')) ring.push(...importedBy(file));
      if (ring.includes(to)) return far;
      ring = ring.flatMap(importedBy);
    }
    return null;
  }

  async #run(test: string, mutant: Mutant | null, signal: AbortSignal): Promise<TestEnd> {
    signal.throwIfAborted();
    const ava = join(this.#root, 'node_modules', 'ava', 'entrypoints', 'cli.js');
    const beganMs = performance.now();
    // A group of its own: what a test has started ends with it.
    const child = spawn(process.execPath, [ava, '--fail-fast', test], {
      cwd: this.#root,
      detached: true,
      stdio: 'ignore',
      env: {
        ...process.env,
        NODE_OPTIONS: `--import=${PLANT}`,
        RAFT_LAB_MUTANT: mutant === null ? '' : JSON.stringify(mutant),
      },
    });
    const end = (): void => endGroup(child.pid);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      end();
    }, LIMIT_MS);
    signal.addEventListener('abort', end);
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
    // Servers that a failed test has left behind.
    end();
    signal.throwIfAborted();
    const wallMs = performance.now() - beganMs;
    if (late) return { kind: 'run out of time', wallMs };
    return { kind: status === 0 ? 'passed' : 'failed', wallMs };
  }
}

function wordsShared(test: string, file: string): number {
  const words = (path: string): string[] => path.match(/[a-z]+/g) ?? [];
  const own = words(file.replace(/^src|\.ts$/g, ''));
  return new Set(words(test).filter((word) => own.includes(word))).size;
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}
