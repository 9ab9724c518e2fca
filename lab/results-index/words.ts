/** What both forms of the index say in the same words. */

export const TITLE = 'What the experiments found';

/** The command is named so that whoever finds the index behind the results can mend it. */
export const INTRODUCTION =
  'Every experiment of the lab with its question, its answer in one sentence, a picture, the day ' +
  'it was run and the command that runs it again. Each answer is taken from the data behind it; ' +
  'the report says how far it carries. Written by `npm run results-index`, not by hand.';

const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });

export function dayText(time: string): string {
  return DAY.format(new Date(time));
}

/** Seven digits, as git shows them; `-dirty` is what the manifest says of a changed work tree. */
export function commitText(commit: string | null): string {
  if (commit === null) return 'outside a repository';
  const [hash = '', dirty] = commit.split('-');
  return `commit ${hash.slice(0, 7)}${dirty === undefined ? '' : ' with changes'}`;
}

/** Takes back what a report's writer escaped for Markdown; `**` stays. */
export function plainText(markdown: string): string {
  return markdown
    .replace(/\\([\\`*_[\]|~])/g, '$1')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&');
}
