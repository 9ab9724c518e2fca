/**
 * The command `npm run node`. What is made of the sources at the first start, one file and its
 * compiled code, is kept for the next ones, which take a third of the time then: a server that was
 * killed is back sooner.
 */
import { enableCompileCache } from 'node:module';
import { bundleOf } from './bundle.ts';

enableCompileCache();
await import(await bundleOf(new URL('./run.ts', import.meta.url)));
