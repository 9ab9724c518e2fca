/** What the report says, put together once as data, for Markdown and for a page. */
import { milliseconds, NOTHING } from '../report/table.ts';
import type { Manifest } from '../results.ts';
import {
  complaintsOf,
  leaderLossMs,
  majorityBackMs,
  type QuorumDocument,
  stepCounts,
} from './document.ts';
import { REQUEST_TIMEOUT_MS } from './host.ts';
import type { ScenarioResult } from './perform.ts';
import { scenarioPicture } from './scenario-picture.ts';
import type { StaircaseResult } from './staircase.ts';
import { staircasePicture } from './staircase-picture.ts';
import { longest } from './terminal.ts';

export type Table = {
  readonly title: string;
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly note: string;
};

export type Figure = {
  readonly title: string;
  /** Beside the report. */
  readonly file: string;
  readonly svg: string;
  readonly caption: string;
};

/** Lines for a shell; those with a `#` say what comes. */
export type Recipe = { readonly title: string; readonly lines: readonly string[] };

export type Content = {
  readonly question: string;
  readonly passed: boolean;
  readonly verdict: string;
  readonly complaints: readonly string[];
  readonly headline: readonly string[];
  readonly setup: readonly (readonly [string, string])[];
  readonly figures: readonly Figure[];
  readonly tables: readonly Table[];
  readonly recipes: readonly Recipe[];
  readonly recipesNote: string;
  readonly shows: readonly string[];
  readonly showsNot: readonly string[];
  readonly provenance: readonly (readonly [string, string])[];
  readonly command: string;
};

export const QUESTION =
  'Where does the quorum lie, and what do clients notice on either side of it?';

const SHOWS = [
  'That writes and linearizable reads are served if and only if a majority of the servers is up ' +
    'and sees each other: at every step all servers that run were asked, each by itself.',
  'That nothing that was acknowledged is lost, and that no client was told anything that a ' +
    'single store would not have told: the histories of all clients and of all probes were judged.',
  'What it costs: the times are from when something had taken effect until the next write was ' +
    'acknowledged.',
];

const SHOWS_NOT = [
  'What machines of their own would do: all servers share one machine, its disk and its clock.',
  'That none of this could fail: each scenario was run once. The simulator is for that.',
  'What happens on a busy machine: a server that is not given the processor for longer than its ' +
    'election timeout is taken for dead, here as anywhere.',
];

const RECIPES_NOTE =
  'The same, as a person would type it, each on a new cluster: the first line starts it. Another ' +
  'server than here may lead then; /health says which. A write at a server that does not lead is ' +
  'answered with the one that does.';

export function contentOf(document: QuorumDocument, manifest: Manifest): Content {
  const complaints = complaintsOf(document);
  const { staircases, scenarios } = document;
  return {
    question: QUESTION,
    passed: complaints.length === 0,
    verdict: complaints.length === 0 ? verdictOf(document) : 'Not all that was expected came true:',
    complaints,
    headline: headlineOf(document),
    setup: setupOf(document),
    figures: figuresOf(document),
    tables: [
      ...(staircases.length === 0 ? [] : [staircaseTable(staircases)]),
      ...(scenarios.length === 0 ? [] : [scenarioTable(scenarios), measureTable(scenarios)]),
    ],
    recipes: [...staircases.map(staircaseRecipe), ...scenarios.map(scenarioRecipe)],
    recipesNote: RECIPES_NOTE,
    shows: SHOWS,
    showsNot: SHOWS_NOT,
    provenance: provenanceOf(manifest),
    command: manifest.command,
  };
}

/** Of a run without a complaint. */
function verdictOf(document: QuorumDocument): string {
  const { all, up } = stepCounts(document);
  const kept = 'every history is linearizable, and nothing that was acknowledged is lost';
  if (all === 0) return `All that was expected came true; ${kept}.`;
  return (
    `Writes and reads were served at all ${up} steps with a majority up, and at none of the ` +
    `${all - up} without; ${kept}.`
  );
}

function headlineOf(document: QuorumDocument): string[] {
  const { scenarios, staircases } = document;
  const { all, right, up } = stepCounts(document);
  const loads = [...staircases, ...scenarios].map(({ load }) => load);
  const sum = (of: (load: (typeof loads)[number]) => number): string =>
    loads.reduce((total, load) => total + of(load), 0).toLocaleString('en');
  const steps =
    all === 0
      ? []
      : [
          `At ${up} of the ${all} steps of the staircases a majority was up; ` +
            `**${right} of ${all}** were served, or not, as that says.`,
        ];
  return [
    ...steps,
    `Of ${sum(({ acknowledged }) => acknowledged)} acknowledged writes ` +
      `**${sum(({ lost }) => lost.length)}** were lost.`,
  ];
}

function setupOf({ host, scenarios, staircases }: QuorumDocument): [string, string][] {
  return [
    ['servers', host === 'docker' ? 'containers, by docker compose' : 'processes of one machine'],
    ['a server gives up on a request after', `${REQUEST_TIMEOUT_MS} ms`],
    ['elections and heartbeats', 'as by default: 150–300 ms and 50 ms'],
    ['clients', '4, each with one operation at a time, for as long as a scenario lasts'],
    ['operations', '35 % reads, 20 % compare-and-set, the others puts; reads are linearizable'],
    ['repeated by clients', 'only what was surely not executed'],
    ['staircases', String(staircases.length)],
    ['scenarios', String(scenarios.length)],
  ];
}

function figuresOf({ scenarios, staircases }: QuorumDocument): Figure[] {
  const matrix: Figure = {
    title: 'The staircases',
    file: 'staircases.svg',
    svg: staircasePicture(staircases),
    caption:
      'Servers are taken away one by one, whoever leads first, and brought back in the same ' +
      'order, so that the one that knows least comes first. A green cell was served; the time in ' +
      'it is from when the action had taken effect until a write was acknowledged. A grey one ' +
      'was not. A red frame would be a step that was not as the majority says.',
  };
  const strips: Figure = {
    title: 'The scenarios',
    file: 'scenarios.svg',
    svg: scenarioPicture(scenarios),
    caption:
      'A bar for each tenth of a second in which the clients had a write acknowledged. Between ' +
      'the bars nothing was: by design, where no majority was up, else while a leader was ' +
      'elected, or while clients waited for a server that does not answer.',
  };
  return [
    ...(staircases.length === 0 ? [] : [matrix]),
    ...(scenarios.length === 0 ? [] : [strips]),
  ];
}

function staircaseTable(staircases: readonly StaircaseResult[]): Table {
  return {
    title: 'Staircases',
    heads: [
      'servers',
      'taken away by',
      'as expected',
      'leader lost, served after at most',
      'majority back, served after at most',
      'leaders',
      'writes',
      'unknown',
      'lost',
      'history',
    ],
    rows: staircases.map((each) => [
      String(each.nodes),
      each.way,
      `${each.steps.filter(({ failure }) => failure === '').length} of ${each.steps.length}`,
      longest(leaderLossMs(each)),
      longest(majorityBackMs(each)),
      String(each.leaderChanges + 1),
      each.load.acknowledged.toLocaleString('en'),
      String(each.load.unknown),
      String(each.load.lost.length),
      each.load.linearizable === 'ok' ? 'linearizable' : each.load.linearizable,
    ]),
    note:
      'An operation is unknown if no answer came, or one that says that nobody can know: it may ' +
      'have been executed, and both are then allowed in the history.',
  };
}

function scenarioTable(scenarios: readonly ScenarioResult[]): Table {
  return {
    title: 'Scenarios',
    heads: [
      'scenario',
      'what it shows',
      'held',
      'leaders',
      'longest without a write',
      'writes',
      'unknown',
      'lost',
      'history',
    ],
    rows: scenarios.map((each) => [
      each.name,
      each.about,
      each.complaints.length === 0 ? 'yes' : 'NO',
      String(each.leaderChanges + 1),
      milliseconds(each.longestGapMs),
      each.load.acknowledged.toLocaleString('en'),
      String(each.load.unknown),
      String(each.load.lost.length),
      each.load.linearizable === 'ok' ? 'linearizable' : each.load.linearizable,
    ]),
    note:
      'The longest time without a write covers the whole scenario, also the times in which no ' +
      'majority was up. Leaders are counted by looking ten times a second; under delays longer ' +
      'than an election timeout no leader lasts (§3.9), and how often it changes is the finding.',
  };
}

function measureTable(scenarios: readonly ScenarioResult[]): Table {
  const rows = scenarios.flatMap(({ name, steps }) =>
    steps
      .filter(({ measure }) => measure !== null)
      .map(({ measure, tookMs, failure }) => [
        name,
        measure ?? '',
        failure === '' ? milliseconds(tookMs) : NOTHING,
      ]),
  );
  return {
    title: 'Times',
    heads: ['scenario', 'what', 'time'],
    rows,
    note: 'Each was measured once, on a machine that clients, servers and the lab share.',
  };
}

function staircaseRecipe({ name, nodes, startCommand, steps }: StaircaseResult): Recipe {
  return {
    title: `${name}, ${nodes} servers`,
    lines: [
      startCommand,
      ...steps.flatMap(({ action, commands, server, up, expectedServed }) => {
        const done = action === null ? 'all are up' : `${action} ${server}`;
        const asked = up === 0 ? 'nobody is left to ask' : expectedServed ? 'served' : 'not served';
        return [`# ${done}: ${up} up, ${asked}`, ...commands];
      }),
    ],
  };
}

function scenarioRecipe({ name, startCommand, steps }: ScenarioResult): Recipe {
  return {
    title: name,
    lines: [startCommand, ...steps.flatMap(({ text, commands }) => [`# ${text}`, ...commands])],
  };
}

function provenanceOf(manifest: Manifest): [string, string][] {
  const { commit, machine, nodeVersion, seed, startedAt, finishedAt } = manifest;
  const { arch, cores, cpu, platform } = machine;
  return [
    ['commit', commit ?? 'not in a repository'],
    ['Node', nodeVersion],
    ['machine', `${cpu}, ${cores} cores, ${platform} ${arch}`],
    ['seed of the clients', String(seed)],
    ['started', startedAt],
    ['finished', finishedAt],
  ];
}
