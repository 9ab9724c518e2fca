/**
 * A report as Markdown, as GitHub shows it: the same content as the page, with the plots as files
 * beside it.
 */
import { escapeMarked, escapeText } from './markdown-parts.ts';
import type { ReportContent, ReportValue } from './report.ts';

/** The report as a Markdown document. */
export function reportMarkdown(content: ReportContent): string {
  const { table } = content;
  const blocks = [
    `# ${escapeText(content.question)}`,
    `Experiment \`${content.name}\`.`,
    incomplete(content),
    ...head(content),
    '## Set-up',
    list(content.setup.map(([name, value]) => `${escapeText(name)}: ${escapeText(value)}`)),
    constants(content),
    ...content.figures.map(
      (figure) =>
        `## ${escapeText(figure.title)}\n\n` +
        `![${escapeText(figure.title)}](${encodeURI(figure.file)}.svg)\n\n` +
        escapeText(figure.caption),
    ),
    '## Results, cell by cell',
    tableText(table),
    escapeText(content.tableNote),
    '## What this does not show',
    list(content.caveats.map(escapeText)) || 'No caveats are noted.',
    '## Where this comes from',
    list(content.provenance.map(([name, value]) => `${escapeText(name)}: ${escapeText(value)}`)),
    `Regenerate it with:\n\n\`\`\`sh\n${content.command}\n\`\`\``,
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

function incomplete({ incomplete: missing }: ReportContent): string {
  return missing.length === 0 ? '' : `**INCOMPLETE**\n\n${list(missing.map(escapeText))}`;
}

/** An audit that passed is no answer, so the answer stands before it; a failed one comes first. */
function head({ answer, audit, headline }: ReportContent): string[] {
  const judged = escapeText(audit.sentence);
  const rest = headline.map(escapeMarked);
  if (audit.state === 'passed') {
    return [`> ✅ ${escapeMarked(answer)}\n>\n> ${judged}`, rest.join(' ')];
  }
  const said = [escapeMarked(answer), ...rest].join(' ');
  if (audit.state === 'none') return [`> ⚠️ ${judged}`, said];
  return [`> ❌ **FAILED** ${judged}`, list(audit.failures.map(escapeText)), said];
}

function tableText(table: ReportContent['table']): string {
  if (table.rows.length === 0) return 'There are no cells.';
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const last = table.heads.length - 1;
  return [
    line(table.heads.map(escapeText)),
    line(table.heads.map((_, i) => (i === last ? ':---' : '---:'))),
    ...table.rows.map((row) => line(row.map(valueText))),
  ].join('\n');
}

function valueText({ text, half, failed }: ReportValue): string {
  const whole = escapeText(half ? `${text} ± ${half}` : text);
  return failed ? `**${whole}**` : whole;
}

function constants(content: ReportContent): string {
  if (content.constants.length === 0) return '';
  const all = content.constants.map(([name, value]) => `${escapeText(name)} ${escapeText(value)}`);
  return `Everything else was held at its one value: ${all.join(', ')}.`;
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n');
}
