/**
 * Writes the tables of the docs that the code knows best, the errors and the settings:
 *
 *     npm exec -c 'node scripts/reference.ts'
 *
 * Each stands between two comments, `<!-- table: name -->` and `<!-- end -->`. A test compares.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configurationTable } from '../src/config-fields.ts';
import { ERRORS, type ErrorCode, kindOf } from '../src/http/errors.ts';

export const PAGES_WITH_TABLES = ['docs/configuration.md', 'docs/http.md'];

const TABLES: Readonly<Record<string, () => string>> = {
  errors: errorsTable,
  configuration: configurationTable,
};

/** The page with its tables as they should be. */
export function withTables(markdown: string): string {
  return markdown.replace(
    /(<!-- table: (\w+) -->\n)[\s\S]*?(\n<!-- end -->)/g,
    (whole, start: string, name: string, end: string) => {
      const table = TABLES[name];
      return table === undefined ? whole : `${start}\n${table()}\n${end}`;
    },
  );
}

function errorsTable(): string {
  const rows = (Object.keys(ERRORS) as ErrorCode[]).map((code) => {
    const { status, definite, message, fields = {}, optionalFields = {} } = kindOf(code);
    const more = [...Object.keys(fields), ...Object.keys(optionalFields)];
    const names = more.map((name) => `\`${name}\``).join(', ');
    return [String(status), `\`${code}\``, definite ? 'yes' : '**no**', message, names];
  });
  const head = ['Status', '`error`', 'Definite', 'What it says', 'More fields'];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

if (import.meta.main) {
  for (const page of PAGES_WITH_TABLES) {
    const path = join(import.meta.dirname, '..', page);
    writeFileSync(path, withTables(readFileSync(path, 'utf8')));
  }
}
