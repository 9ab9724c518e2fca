/** The report as Markdown, as GitHub shows it. */
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
  if (rows.length === 0) return 'No mutant was run.';
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(heads.map(escapeText)),
    line(heads.map(() => '---')),
    ...rows.map((row) => line(row.map(escapeText))),
  ].join('\n');
}

function entries(pairs: readonly (readonly [string, string])[]): string {
  return list(pairs.map(([name, value]) => `${name}: ${value}`));
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${escapeText(item)}`).join('\n');
}

/** Escapes what Markdown or HTML in it would take for markup, and keeps a cell on its line. */
function escapeText(text: string): string {
  return text
    .replace(/\s*\n\s*/g, ' ')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/[\\`*_[\]|~]/g, (character) => `\\${character}`);
}

function escapeMarked(text: string): string {
  return text.split('**').map(escapeText).join('**');
}
