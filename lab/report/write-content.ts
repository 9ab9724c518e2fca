/** The files that a run leaves behind: what it found as data, and the same for people. */
import type { Manifest } from '../results.ts';
import type { Content, Pairs } from './content.ts';
import { reportMarkdown } from './content-markdown.ts';
import { reportPage } from './content-page.ts';
import { writeWhole } from './write-whole.ts';

export type Written = {
  readonly content: Content;
  /** The text of `results.json`. */
  readonly document: string;
  readonly manifest: Manifest;
};

/** Writes all files, each whole; the page comes last. Resolves to its path. */
export async function writeContent(directory: string, written: Written): Promise<string> {
  const { content, document, manifest } = written;
  await writeWhole(directory, 'results.json', document);
  await writeWhole(directory, 'manifest.json', `${JSON.stringify(manifest, null, 2)}\n`);
  for (const { file, svg } of content.figures) await writeWhole(directory, file, svg);
  for (const { file, text } of content.files ?? []) await writeWhole(directory, file, text);
  await writeWhole(directory, 'report.md', reportMarkdown(content));
  return writeWhole(directory, 'report.html', reportPage(content));
}

/** Where something measured on a real clock comes from. */
export function measuredOn({ commit, machine, nodeVersion, startedAt }: Manifest): Pairs {
  return [
    ['commit', commit ?? 'not in a repository'],
    ['Node', nodeVersion],
    ['machine', `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB`],
    ['started', startedAt],
  ];
}
