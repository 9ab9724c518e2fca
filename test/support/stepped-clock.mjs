/**
 * Loaded before a server: its wall clock is what the file named by STEPPED_CLOCK says ahead of the
 * real one, in milliseconds, as of each SIGUSR2. What runs on monotonic time sees nothing of it.
 */
import { appendFileSync, readFileSync } from 'node:fs';

const file = process.env.STEPPED_CLOCK;
const RealDate = globalThis.Date;
let aheadMs = 0;

globalThis.Date = class SteppedDate extends RealDate {
  constructor(...values) {
    if (values.length === 0) super(RealDate.now() + aheadMs);
    else super(...values);
  }

  static now() {
    return RealDate.now() + aheadMs;
  }
};

process.on('SIGUSR2', () => {
  aheadMs = Number(readFileSync(file, 'utf8'));
  appendFileSync(`${file}.seen`, `${process.pid} ${aheadMs}\n`);
});
