/** What `npm run sim` does for each request, and its exit status. */
import { UserError } from '../../src/user-error.ts';
import { NotWritten } from '../report/write-whole.ts';
import { parseArguments } from './arguments.ts';
import { type Context, columnsOf, EXIT_FAILED, EXIT_MISTAKE, EXIT_OK } from './context.ts';
import { swarm } from './swarm.ts';

/** Runs one command and returns its exit status. */
export function simulate(context: Context): Promise<number> {
  return withMistakes(context, async () => {
    const request = parseArguments(context.words, columnsOf(context.stdout));
    switch (request.kind) {
      case 'help':
        context.stdout.write(request.text);
        return EXIT_OK;
      case 'single':
        return await context.single(request);
      case 'swarm':
        return await swarm(context, request);
    }
  });
}

/** Tells what the user can mend in a line, instead of throwing it. */
export async function withMistakes(
  { stderr }: Pick<Context, 'stderr'>,
  run: () => Promise<number>,
): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof UserError || error instanceof NotWritten)) throw error;
    stderr.write(`sim: ${error.message}\n`);
    return error instanceof UserError ? EXIT_MISTAKE : EXIT_FAILED;
  }
}
