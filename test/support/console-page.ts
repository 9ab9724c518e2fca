/**
 * The console blocks of a page of the docs: what a person types and what is answered. `…` in an
 * answer stands for anything, and so do the numbers of fields that differ from run to run.
 */

export type Exchange = {
  /** Line of the command, counted from 1. */
  readonly line: number;
  readonly command: string;
  readonly answer: string;
};

/** Numbers that count what has happened, or are drawn. */
const VARYING = [
  'index',
  'term',
  'commitIndex',
  'lastApplied',
  'lastLogIndex',
  'incarnation',
  'processId',
  'clientId',
];

/** Commands stand behind `$ `, and go on in the next line after a backslash. */
export function exchangesOf(markdown: string): Exchange[] {
  return fencesOf(markdown, 'console').flatMap(({ line, text }) => {
    const parts = text.split(/^\$ /m);
    let at = line + (parts[0]?.split('\n').length ?? 1) - 1;
    return parts.slice(1).map((part) => {
      const [command = ''] = /^(?:.*\\\n)*.*/.exec(part) ?? [];
      const exchange = { line: at, command, answer: part.slice(command.length).trim() };
      at += part.split('\n').length - 1;
      return exchange;
    });
  });
}

export function fencesOf(markdown: string, language: string): { line: number; text: string }[] {
  const fences = markdown.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'));
  return [...fences].map(({ 1: text = '', index }) => ({
    line: markdown.slice(0, index).split('\n').length + 1,
    text,
  }));
}

export function isAnswer(expected: string, actual: string): boolean {
  const pattern = expected
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('…', '[\\s\\S]*?')
    .replace(new RegExp(`("(?:${VARYING.join('|')})":"?)\\d+`, 'g'), '$1\\d+');
  return new RegExp(`^${pattern}$`).test(actual);
}
