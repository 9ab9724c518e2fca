/** The report as Markdown, as GitHub shows it. */

import type { Content, Figure, Table, TableCell, Tone } from './content.ts';
import { entries, escapeMarked, escapeText, list } from './markdown-parts.ts';

export function reportMarkdown(content: Content): string {
  const { complaints } = content;
  const blocks = [
    `# ${escapeText(content.question)}`,
    `Experiment \`${content.name}\`.`,
    `> ${sign(content)} ${escapeText(content.verdict)}`,
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

/** Of the verdict: all trials ran and what was expected holds, it does not, or trials failed. */
function sign({ complaints, holds = true }: Content): string {
  if (complaints.length > 0) return '❌ **FAILED**';
  return holds ? '✅' : '⚠️';
}

function figureText({ alt, caption, file, title }: Figure): string {
  const picture = `![${escapeText(alt ?? title)}](${file})`;
  return `## ${escapeText(title)}\n\n${picture}\n\n${escapeText(caption)}`;
}

function tableText({ heads, note, rows, title, words }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const lines = [
    line(heads.map(escapeText)),
    line(heads.map((_, i) => (i < words ? ':---' : '---:'))),
    ...rows.map((row) => line(row.map(cellText))),
  ];
  return `## ${escapeText(title)}\n\n${lines.join('\n')}\n\n${escapeText(note)}`;
}

/** A colour as a sign; words alone need none. */
const SIGNS: Readonly<Record<Tone, string>> = { good: '🟩 ', fair: '🟨 ', bad: '🟥 ', quiet: '' };

function cellText(cell: TableCell): string {
  if (typeof cell === 'string') return escapeText(cell);
  const { href, text, tone = 'quiet' } = cell;
  const shown = escapeText(text);
  return SIGNS[tone] + (href === undefined ? shown : `[${shown}](${href})`);
}
