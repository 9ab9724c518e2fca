/** Does a server that comes back depose the leader (dissertation, §4.2.3 and §9.6)? */
import { mean, quantile } from '../../lab/report/stats.ts';
import { wordFactor } from '../../lab/study/factors.ts';
import { study } from '../../lab/study/study.ts';
import { findings } from './findings.ts';
import { isDisrupted, outagesMs } from './numbers.ts';
import { type Cell, VARIANT_NAMES, WHO } from './setup.ts';
import type { Sample } from './trial.ts';

/** Without a load a trial costs next to nothing, and what is expected there is a small chance. */
const LEVEL_TRIALS_FACTOR = 5;

export default study<Cell, Sample>({
  question:
    'Does a server that returns, or was removed and not told, depose a leader that is well?',
  host: 'sim',
  factors: {
    variant: wordFactor('what of chapter 9 the servers have', VARIANT_NAMES),
    who: wordFactor('who comes back: behind, level, or removed meanwhile', WHO),
  },
  trials: 200,
  quickTrials: 12,
  paired: ['variant'],
  trialsOf: ({ who }, trials) => (who === 'level' ? LEVEL_TRIALS_FACTOR * trials : trials),
  metrics: (samples) => {
    const outages = outagesMs(samples);
    return {
      disruptedShare: mean(samples.map((sample) => Number(isDisrupted(sample)))),
      leaderChangesMean: mean(samples.map(({ leaderChanges }) => leaderChanges)),
      termsMean: mean(samples.map(({ terms }) => terms)),
      longestOutageMsP50: quantile(outages, 0.5),
      longestOutageMsP90: quantile(outages, 0.9),
      longestOutageMsMax: outages.at(-1) ?? null,
      outageMsMean: mean(samples.map(({ outageMs }) => outageMs)),
      longestGapMsP50: quantile(
        samples.flatMap(({ longestGapMs }) => longestGapMs ?? []).sort((a, b) => a - b),
        0.5,
      ),
    };
  },
  terminal: [
    ['disruptedShare', 'disrupted'],
    ['leaderChangesMean', 'leaders'],
    ['termsMean', 'terms'],
    ['longestOutageMsP50', 'outage p50 ms'],
    ['outageMsMean', 'all outages ms'],
  ],
  findings,
});
