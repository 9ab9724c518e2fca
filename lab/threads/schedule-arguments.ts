/** The words of `npm run experiment -- schedule …` as a request. */
import { Command, Option } from 'commander';
import { mistake } from '../../src/user-error.ts';
import { type Help, once, parseWords } from '../sweep/own-words.ts';

export type Request =
  | Help
  | {
      readonly kind: 'run';
      /** The file with the schedule. */
      readonly path: string;
      readonly out: string | undefined;
      readonly history: string | undefined;
      readonly json: boolean;
    };

const ABOUT =
  'Runs a schedule file of the simulator on worker threads, in real time and best effort.\n\n' +
  "Disks, clocks and clients' links have no faults here: an action on a disk or a clock is not " +
  'done and counted as such, but for wipe, and suspend is as pause. Changes of membership, ' +
  'transfers and snapshots are asked for until they are done or four seconds have passed. At the ' +
  'end all is healed.';

const EXAMPLES = `
Examples:
  npm run sim -- --seed 7 --save schedule.json
  npm run experiment -- schedule schedule.json
  npm run experiment -- schedule schedule.json --history history.ndjson

Exit status: 0 when the audit held and the history is linearizable, 1 otherwise,
2 for a mistake in the command or the file, 130 after Ctrl-C.`;

/** Understands the words after `schedule`; throws a UserError where they are wrong. */
export function parseArguments(words: readonly string[], columns: number): Request {
  const command = commandOf();
  const help = parseWords(command, 'schedule', words, columns);
  if (help !== null) return help;
  const { out, history, json } = command.opts<{ out?: string; history?: string; json?: true }>();
  const [path = ''] = command.args;
  return {
    kind: 'run',
    path,
    out: named('--out', out, 'directory'),
    history: named('--history', history, 'file'),
    json: json === true,
  };
}

function commandOf(): Command {
  const out =
    'where the history goes, and its picture if it is wrong (default results/schedule-custom)';
  return new Command('npm run experiment -- schedule')
    .description(ABOUT)
    .argument('<file>', 'the schedule')
    .addOption(once(new Option('--out <directory>', out)))
    .addOption(once(new Option('--history <file>', 'the history goes there instead')))
    .option('--json', 'print the outcome as JSON on standard output, all else on the other')
    .addHelpText('after', EXAMPLES);
}

function named(flag: string, value: string | undefined, what: string): string | undefined {
  if (value?.trim() === '') throw mistake(flag, value, `the name of a ${what}`);
  return value;
}
