/**
 * The kinds of rules that schedule-rules.ts is made of: what a value must be, and what is told
 * where it is not. The types hold a table of rules against the type it is for.
 */

export const DAY_MS = 86_400_000;

/** Where a value stands: names of fields and positions in lists, from the outside in. */
export type Path = readonly (string | number)[];

/** The first thing found wrong; `path` may name a field that is missing. */
export class ScheduleError extends Error {
  readonly path: Path;

  constructor(path: Path, message: string) {
    super(message);
    this.path = path;
  }
}

/** Throws a ScheduleError unless the value, which stands at `path`, is as it must be. */
export type Rule = (value: unknown, path: Path) => void;

/** A rule for each field of a type, so that none is forgotten. */
export type Rules<T> = { readonly [Field in keyof Required<T>]: Rule };

/** For each kind of a union its other fields. */
export type RulesByKind<T extends { kind: string }> = {
  readonly [Kind in T['kind']]: Rules<Omit<Extract<T, { kind: Kind }>, 'kind'>>;
};

export function number(low: number, high: number, what = 'a number'): Rule {
  return (value, path) => {
    if (!isWithin(value, low, high)) throw wrong(value, path, `${what} from ${low} to ${high}`);
  };
}

export function milliseconds(low = 0): Rule {
  return number(low, DAY_MS, 'a number of milliseconds');
}

export function share(): Rule {
  return number(0, 1);
}

export function whole(low: number, high: number): Rule {
  return (value, path) => {
    if (isWhole(value, low, high)) return;
    throw wrong(value, path, `a whole number from ${low} to ${high}`);
  };
}

export function flag(): Rule {
  return oneOf([true, false]);
}

export function text(most = Number.POSITIVE_INFINITY): Rule {
  return (value, path) => {
    if (typeof value !== 'string') throw wrong(value, path, 'text');
    // It is shown on terminals, which would take some for orders.
    if (/\p{Cc}/u.test(value)) throw wrong(value, path, 'text without control characters');
    if (value.length > most) {
      const came = `has ${value.length} characters`;
      throw new ScheduleError(path, `${pathText(path)} ${came}; expected are at most ${most}`);
    }
  };
}

export function textOrNull(value: unknown, path: Path): void {
  if (value !== null && typeof value !== 'string') throw wrong(value, path, 'text or null');
}

/** `null`, or what the rule says; `expected` names both. */
export function orNull(rule: Rule, expected: string): Rule {
  return (value, path) => {
    if (value === null) return;
    try {
      rule(value, path);
    } catch (error) {
      // What is wrong within the value is told as it is.
      const within = !(error instanceof ScheduleError) || error.path.length > path.length;
      throw within ? error : wrong(value, path, expected);
    }
  };
}

export function oneOf(allowed: readonly (string | number | boolean)[]): Rule {
  return (value, path) => {
    if (allowed.includes(value as string)) return;
    throw wrong(value, path, allowed.map((each) => JSON.stringify(each)).join(' or '));
  };
}

/** A pair of milliseconds, the smaller one first. */
export function range(low: number): Rule {
  return all(
    pair(milliseconds(low)),
    holds(
      () => 'the lower bound first',
      ([first, second]: number[]) => (first as number) <= (second as number),
    ),
  );
}

export function pair(item: Rule): Rule {
  return all(
    list(item),
    holds(
      () => 'a list of two',
      (items: unknown[]) => items.length === 2,
    ),
  );
}

export function list(item: Rule): Rule {
  return (value, path) => {
    if (!Array.isArray(value)) throw wrong(value, path, 'a list');
    value.forEach((each, i) => {
      item(each, [...path, i]);
    });
  };
}

/** An object with these fields and no other. */
export function record<T>(rules: Rules<T>, optional: readonly string[] = []): Rule {
  const fields = Object.entries<Rule>(rules);
  return (value, path) => {
    if (!isObject(value)) throw wrong(value, path, 'an object');
    for (const field of Object.keys(value)) {
      if (Object.hasOwn(rules, field)) continue;
      const expected = fields.map(([name]) => name).join(', ');
      const at = [...path, field];
      throw new ScheduleError(at, `${pathText(at)} is unknown; expected are ${expected}`);
    }
    for (const [field, rule] of fields) {
      if (Object.hasOwn(value, field)) rule(value[field], [...path, field]);
      else if (!optional.includes(field)) rule(undefined, [...path, field]);
    }
  };
}

/** An object whose field `kind` says which other fields it has. */
export function oneOfKinds<T extends { kind: string }>(rules: RulesByKind<T>): Rule {
  const byKind: Readonly<Record<string, Rules<object>>> = rules;
  const kind = oneOf(Object.keys(rules));
  return (value, path) => {
    if (!isObject(value)) throw wrong(value, path, 'an object');
    kind(value.kind, [...path, 'kind']);
    record({ kind, ...byKind[value.kind as string] })(value, path);
  };
}

export function all(...rules: readonly Rule[]): Rule {
  return (value, path) => {
    for (const rule of rules) rule(value, path);
  };
}

/** What a value that is of the right type must fulfil besides. */
export function holds<T>(expected: () => string, condition: (value: T) => boolean): Rule {
  return (value, path) => {
    if (!condition(value as T)) throw wrong(value, path, expected());
  };
}

export function isWithin(value: unknown, low: number, high: number): value is number {
  return typeof value === 'number' && value >= low && value <= high;
}

export function isWhole(value: unknown, low: number, high: number): boolean {
  return isWithin(value, low, high) && Number.isSafeInteger(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// ---- Saying so ----------------------------------------------------------------------------------

const SHOWN_CHARACTERS_MAX = 60;

export function wrong(value: unknown, path: Path, expected: string): ScheduleError {
  const came = value === undefined ? 'missing' : shown(value);
  return new ScheduleError(path, `${pathText(path)} is ${came}; expected is ${expected}`);
}

function shown(value: unknown): string {
  if (isObject(value)) return 'an object';
  const written = JSON.stringify(value);
  if (written.length <= SHOWN_CHARACTERS_MAX) return written;
  return `${written.slice(0, SHOWN_CHARACTERS_MAX)}…`;
}

/** As one would write it in code: `faults[3].fault.node`. */
function pathText(path: Path): string {
  const text = path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .replace(/^\./, '');
  return text === '' ? 'the schedule' : text;
}

/** What something else found wrong with the value. */
export function complain(complaint: string | null, path: Path): void {
  if (complaint !== null) throw new ScheduleError(path, `${pathText(path)}: ${complaint}`);
}
