/**
 * For `node --import`: the process and its threads load the source with the edits that a variable
 * of the environment holds. Nothing is edited without it.
 */
import { loadMutant } from './patch.ts';

const text = process.env.RAFT_LAB_MUTANT;
if (text !== undefined && text !== '') loadMutant(JSON.parse(text));
