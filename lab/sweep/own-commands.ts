/**
 * Words after `npm run experiment --` that are commands with flags of their own. A new one is one
 * row here; what it needs is loaded when it is called.
 */
import type { Context } from './commands.ts';

export type OwnContext = Pick<
  Context,
  'stdout' | 'stderr' | 'resultsDirectory' | 'surroundings' | 'interruption'
>;

export type OwnCommand = {
  /** What `--list` and `--help` say of it. */
  readonly about: string;
  /** `main` gets the words after its own and returns the exit status. */
  load(): Promise<{ main(words: readonly string[], context: OwnContext): Promise<number> }>;
};

export const OWN_COMMANDS: Readonly<Record<string, OwnCommand>> = {
  mutants: {
    about: 'How soon does the simulator find each known bug of Raft?',
    load: () => import('../mutants/experiment.ts'),
  },
  schedule: {
    about: 'What does a schedule file of the simulator come to on worker threads?',
    load: () => import('../threads/schedule-command.ts'),
  },
};
