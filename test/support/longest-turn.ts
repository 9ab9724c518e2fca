/**
 * Loaded into a server before its own code: measures the longest turn of its event loop, in time of
 * the processor, so that what else the machine does counts for nothing. On SIGUSR2 it writes the
 * milliseconds into the file that LONGEST_TURN_FILE names, and begins anew.
 */
import { writeFileSync } from 'node:fs';

const EVERY_MS = 1;
const US_PER_MS = 1000;

let longestMs = 0;
let before = process.threadCpuUsage();

setInterval(() => {
  const { user, system } = process.threadCpuUsage(before);
  longestMs = Math.max(longestMs, (user + system) / US_PER_MS);
  before = process.threadCpuUsage();
}, EVERY_MS).unref();

process.on('SIGUSR2', () => {
  writeFileSync(process.env.LONGEST_TURN_FILE ?? '', String(longestMs));
  longestMs = 0;
});
