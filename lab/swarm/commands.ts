/** What `npm run sim` does for each request, and its exit status. */
import { UserError } from '../../src/user-error.ts';
import { NotWritten } from '../report/write-whole.ts';
import { parseArguments } from './arguments.ts';
import { type Context, columnsOf, EXIT_FAILED, EXIT_MISTAKE, EXIT_OK } from './context.ts';
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
    if (!(error instanceof UserError || error instanceof NotWritten)) throw error;
    context.stderr.write(`sim: ${error.message}\n`);
    return error instanceof UserError ? EXIT_MISTAKE : EXIT_FAILED;
  }
}
