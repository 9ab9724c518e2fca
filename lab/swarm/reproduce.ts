/** The line that repeats a run. */
import type { Source } from './arguments.ts';

/** A command that can be pasted into a shell; `flags` come after what names the run. */
export function commandOf(source: Source, ...flags: readonly string[]): string {
  const named =
    source.kind === 'file'
      ? ['--schedule', quoted(source.path)]
      : ['--seed', String(source.seed), '--profile', source.profile];
  const planted = source.mutant === undefined ? [] : ['--mutant', source.mutant];
  return ['npm run sim --', ...named, ...planted, ...flags].join(' ');
}

/** With the commit as a comment, since on another one a seed is another run. */
export function reproduceLine(source: Source, commit: string | null): string {
  const [hash = '', ...dirty] = (commit ?? '').split('-');
  const short = [hash.slice(0, 8), ...dirty].join('-');
  return `REPRODUCE: ${commandOf(source)}${short === '' ? '' : `   # commit ${short}`}`;
}

function quoted(word: string): string {
  return /^[\w./:,@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
