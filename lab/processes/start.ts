/** The command `npm run cluster`, with what it has compiled kept, as `src/main.ts` keeps it. */
import { enableCompileCache } from 'node:module';

enableCompileCache();
await import('./main.ts');
