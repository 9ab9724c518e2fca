/** What `npm run sim` does for each request, and its exit status. */
import { UserError } from '../../src/user-error.ts';
import { parseArguments } from './arguments.ts';
import { type Context, columnsOf, EXIT_MISTAKE, EXIT_OK } from './context.ts';
import { singleRun } from './single-run.ts';
import { swarm } from './swarm.ts';

/** Runs one command and returns its exit status. */
export async function simulate(context: Context): Promise<number> {
  try {
    const request = parseArguments(context.words, columnsOf(context.stdout));
    switch (request.kind) {
      case 'help':
        context.stdout.write(request.text);
        return EXIT_OK;
      case 'single':
        return await singleRun(context, request);
      case 'swarm':
        return await swarm(context, request);
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    context.stderr.write(`sim: ${error.message}\n`);
    return EXIT_MISTAKE;
  }
}
