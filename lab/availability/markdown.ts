/** The report as Markdown, as GitHub shows it. */
import { entries, escapeMarked, escapeText, list } from '../report/markdown-parts.ts';
import type { Content, Figure, Table } from './content.ts';

export function reportMarkdown(content: Content): string {
  const { complaints } = content;
  const blocks = [
    `# ${escapeText(content.question)}`,
    `Experiment \`${content.name}\`.`,
    `> ${complaints.length === 0 ? '✅' : '❌ **FAILED**'} ${escapeText(content.verdict)}`,
    list(complaints),
    content.headline.map(escapeMarked).join(' '),
    '## Set-up',
    entries(content.setup),
    ...content.figures.map(figureText),
    ...content.tables.map(tableText),
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

function figureText({ caption, file, title }: Figure): string {
  return `## ${escapeText(title)}\n\n![${escapeText(title)}](${file})\n\n${escapeText(caption)}`;
}

function tableText({ heads, note, rows, title, words }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const lines = [
    line(heads.map(escapeText)),
    line(heads.map((_, i) => (i < words ? ':---' : '---:'))),
    ...rows.map((row) => line(row.map(escapeText))),
  ];
  return `## ${escapeText(title)}\n\n${lines.join('\n')}\n\n${escapeText(note)}`;
}
