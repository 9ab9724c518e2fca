/** The report as Markdown, as GitHub shows it. */
import { entries, escapeMarked, escapeText, list } from '../report/markdown-parts.ts';
import type { Content, Figure, Recipe, Table } from './content.ts';

export function reportMarkdown(content: Content): string {
  const blocks = [
    `# ${escapeText(content.question)}`,
    'Experiment `quorum`.',
    `> ${content.passed ? '✅' : '❌ **FAILED**'} ${escapeText(content.verdict)}`,
    list(content.complaints),
    content.headline.map(escapeMarked).join(' '),
    '## Set-up',
    entries(content.setup),
    ...content.figures.map(figureText),
    ...content.tables.map(tableText),
    '## By hand',
    escapeText(content.recipesNote),
    ...content.recipes.map(recipeText),
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

function tableText({ heads, note, rows, title }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeText).join(' | ')} |`;
  const lines = [line(heads), `|${' --- |'.repeat(heads.length)}`, ...rows.map(line)];
  return `### ${escapeText(title)}\n\n${lines.join('\n')}\n\n${escapeText(note)}`;
}

function recipeText({ lines, title }: Recipe): string {
  const summary = `<details>\n<summary>${escapeText(title)}</summary>`;
  return `${summary}\n\n\`\`\`sh\n${lines.join('\n')}\n\`\`\`\n\n</details>`;
}
