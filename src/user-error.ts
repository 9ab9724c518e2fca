/**
 * A mistake of whoever typed the command, not of the lab: told in one line, without a stack, exit
 * 2.
 */
export class UserError extends Error {}

/** The one form of such a line: which flag or argument, what came, what is allowed. */
export function mistake(flag: string, came: string, allowed: string): UserError {
  return new UserError(`${flag} got '${oneLine(came)}'; allowed: ${allowed}`);
}

/** Any text as a single line. */
export function oneLine(text: string): string {
  return text.trim().replace(/\s*[\r\n]+\s*/g, ' ');
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
