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
  endurance: {
    about: 'Does memory stay within bounds under full load, and how soon does a fresh node serve?',
    load: () => import('../endurance/experiment.ts'),
  },
  membership: {
    about: 'Does a cluster stay available while it grows from 3 servers to 5 and shrinks back?',
    load: () => import('../availability/membership.ts'),
  },
  mutants: {
    about: 'How soon does the simulator find each known bug of Raft?',
    load: () => import('../mutants/experiment.ts'),
  },
  'rolling-restart': {
    about: 'What does it cost to restart every server in turn, with and without transfer?',
    load: () => import('../availability/rolling-restart.ts'),
  },
  schedule: {
    about: 'What does a schedule file of the simulator come to on worker threads?',
    load: () => import('../threads/schedule-command.ts'),
  },
};
