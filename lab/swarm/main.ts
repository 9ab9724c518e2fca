/**
 * The command `npm run sim`: joins the parts and does nothing itself. `--help` says the rest.
 */
import { join } from 'node:path';
import { standardOutput } from '../../src/standard-output.ts';
import { listenForInterruption } from '../sweep/interruption.ts';
import { surroundings } from '../sweep/manifest.ts';
import { simulate } from './commands.ts';
import type { Context } from './context.ts';

const project = join(import.meta.dirname, '..', '..');

const context: Context = {
  words: process.argv.slice(2),
  ...standardOutput(),
  resultsDirectory: join(project, 'results'),
  commit: () => surroundings(project).commit,
  nowMs: () => performance.now(),
  single: async (request) => (await import('./single-thread.ts')).singleInThread(context, request),
  pool: async (threads, hangMs) => (await import('./pool.ts')).createPool(threads, hangMs),
  interruption: listenForInterruption,
};

process.exitCode = await simulate(context);
