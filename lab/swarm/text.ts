/** Paragraphs with a label to their left, and numbers as the command writes them. */
import { wrap } from '../report/table.ts';

const LABEL_COLUMNS = 12;
const TIME_COLUMNS = 14;

/** A label and its text, which is wrapped beside it. */
export function labelled(label: string, text: string, columns: number): string[] {
  return beside(label.padEnd(LABEL_COLUMNS), text, columns);
}

/** A moment and what happens then, which is wrapped beside it. */
export function timed(atMs: number, text: string, columns: number): string[] {
  return beside(`${ms(atMs)} `.padStart(TIME_COLUMNS), text, columns);
}

function beside(head: string, text: string, columns: number): string[] {
  const lines = wrap(text, Math.max(1, columns - head.length), '');
  return lines.map((line, i) => (i === 0 ? head : ' '.repeat(head.length)) + line);
}

export function count(value: number): string {
  return value.toLocaleString('en');
}

/** `1 fault`, `2 faults`, `2 crashes`. */
export function several(value: number, what: string): string {
  const ending = what.endsWith('sh') ? 'es' : 's';
  return `${count(value)} ${what}${value === 1 ? '' : ending}`;
}

/** A moment or a span as `1,234 ms`, to the microsecond if need be. */
export function ms(value: number): string {
  return `${value.toLocaleString('en', { maximumFractionDigits: 3 })} ms`;
}

export function seconds(valueMs: number): string {
  return `${(valueMs / 1000).toFixed(2)} s`;
}
