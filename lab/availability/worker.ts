/** A thread that runs trials; each is a simulation, and hands back what was counted of it. */
export { membershipTrial } from './membership-trial.ts';
export { rollingTrial } from './rolling-trial.ts';
