/**
 * The command `npm run node`. What is compiled at the first start is kept for the next ones, which
 * take a third of the time then: a server that was killed is back sooner.
 */
import { enableCompileCache } from 'node:module';

enableCompileCache();
await import('./run.ts');
