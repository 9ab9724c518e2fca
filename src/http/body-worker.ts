/** The thread in which large bodies are read (body.ts): a task comes, its fields go back. */
import { parentPort } from 'node:worker_threads';
import { type BodyTask, readFields } from './body-fields.ts';

parentPort?.on('message', (task: BodyTask) => {
  parentPort?.postMessage(readFields(task));
});
