/** The index as Markdown, as GitHub shows it below the directory of results. */
import type { Entry, Mark } from './entries.ts';
import type { Group } from './groups.ts';
import { commitText, dayText, INTRODUCTION, plainText, TITLE } from './words.ts';

/** In pixels; the text beside it needs the rest of GitHub's column. */
const PICTURE_WIDTH = 380;
const MARKS: Readonly<Record<Mark, string>> = {
  passed: '',
  failed: '❌ **FAILED** ',
  none: '⚠️ ',
};

export function indexMarkdown(groups: readonly Group<Entry>[]): string {
  const blocks = [
    `# ${TITLE}`,
    INTRODUCTION,
    'The same as a page, to be opened from a copy of the repository: [index.html](index.html).',
    ...groups.map(groupText),
  ];
  return `${blocks.join('\n\n')}\n`;
}

function groupText({ about, members, title }: Group<Entry>): string {
  const lines = ['| Picture | Question and answer |', '| --- | --- |', ...members.map(rowText)];
  return `## ${title}\n\n${about}\n\n${lines.join('\n')}`;
}

function rowText({ answer, manifest, mark, name, picture, question }: Entry): string {
  const report = `${name}/report.md`;
  const image =
    `<a href="${report}"><img src="${name}/${picture.file}" width="${PICTURE_WIDTH}" ` +
    `alt="${attribute(picture.alt)}"></a>`;
  const where =
    `<sub>\`${manifest.command.replaceAll('|', '\\|')}\`<br>` +
    `${dayText(manifest.finishedAt)}, ${commitText(manifest.commit)}</sub>`;
  return `| ${image} | **[${question}](${report})**<br>${MARKS[mark]}${answer}<br>${where} |`;
}

/** A table's row ends its cells at bars, also in the text of an attribute. */
function attribute(markdown: string): string {
  return plainText(markdown)
    .replace(/&/g, '&amp;')
    .replace(/"/g, '&quot;')
    .replace(/</g, '&lt;')
    .replace(/\|/g, '&#124;');
}
