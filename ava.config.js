/** The tests: which files they are, and where what Node compiles is kept between them. */
import { join } from 'node:path';

// Read by the threads of tests and by every process that a test starts: each loads much the same.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules', '.cache', 'node');

export default {
  extensions: ['ts'],
  files: ['test/**/*.test.ts'],
  timeout: '3m',
};
