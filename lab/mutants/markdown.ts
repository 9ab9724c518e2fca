/** The report as Markdown, as GitHub shows it. */
import { entries, escapeMarked, escapeText, list } from '../report/markdown-parts.ts';
import type { Content, Table } from './report.ts';

export function reportMarkdown(content: Content): string {
  const { plot, passed } = content;
  const blocks = [
    `# ${escapeText(content.question)}`,
    'Experiment `mutants`.',
    `> ${passed ? '✅' : '❌ **FAILED**'} ${escapeText(content.verdict)}`,
    list(content.complaints),
    content.headline.map(escapeMarked).join(' '),
    '## Set-up',
    entries(content.setup),
    `![Seeds until caught](${plot.file})`,
    escapeText(plot.caption),
    '## Results',
    tableText(content.results),
    escapeText(content.resultsNote),
    '## By what they are about',
    tableText(content.kinds),
    '## Where runs of the code as it is came',
    tableText(content.reached),
    '## The mutants',
    tableText(content.bugs),
    '## What this shows',
    list(content.shows),
    '## What this does not show',
    list(content.showsNot),
    '## Where this comes from',
    entries(content.provenance),
    `Regenerate it with:\n\n\`\`\`sh\n${content.command}\n\`\`\``,
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

function tableText({ heads, rows }: Table): string {
  if (rows.length === 0) return 'None was run.';
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(heads.map(escapeText)),
    line(heads.map(() => '---')),
    ...rows.map((row) => line(row.map(escapeText))),
  ].join('\n');
}
