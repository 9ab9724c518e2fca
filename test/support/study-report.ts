/** The report of a study over results that a test has at hand, as Markdown. */
import { reportMarkdown } from '../../lab/report/content-markdown.ts';
import type { Factors } from '../../lab/results.ts';
import type { CellResult, Study } from '../../lab/study/study.ts';

const ABOUT = { seed: 1, command: 'npm run experiment' };

export function reportOf<C extends Factors, S>(
  study: Study<C, S>,
  results: readonly CellResult<C, S>[],
): string {
  const { question } = study;
  const findings = study.findings(results, ABOUT);
  const rest = { name: 'study', question, complaints: [], provenance: [], command: ABOUT.command };
  const pictures = findings.figures.map(({ alt, svg }) => `${alt}\n${svg}`).join('\n');
  return `${reportMarkdown({ ...findings, ...rest })}\n${pictures}`;
}

/** What must not be read in any report. */
export const NOT_A_NUMBER = /NaN|undefined|Infinity|\[object/;
