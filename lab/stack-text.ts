/**
 * An unexpected error as text, with where it came from: files are named from the project's root on,
 * so that the same failure reads the same wherever the project stands.
 */
const ROOT = new URL('..', import.meta.url).href;

export function stackText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error.stack ?? error.message).replaceAll(ROOT, '');
}
