/** A file is replaced whole or not at all: nobody finds half a report. */
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Resolves to the path of the file. */
export async function writeWhole(
  directory: string,
  file: string,
  content: string,
): Promise<string> {
  const path = join(directory, file);
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, content);
  await rename(temporary, path);
  return path;
}
