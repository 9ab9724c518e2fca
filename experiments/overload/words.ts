/** What the cells are called in tables, pictures and sentences. */
import {
  BOUND_BYTES,
  BYTES_PER_SECOND,
  type Pressure,
  REQUEST_TIMEOUT_MS,
  RETRY_MS,
  type Retries,
} from './trial.ts';

/** How soon a recovery is asked for. */
export const WITHIN_MS = 10_000;

const BOUND = `${BOUND_BYTES / 1024} KiB`;

/** For how long the bound keeps a link busy. */
export const BOUND_MS = (BOUND_BYTES * 1000) / BYTES_PER_SECOND;

export const PRESSURE_WORDS: Readonly<Record<Pressure, string>> = {
  none: 'no bound',
  window: `window of ${BOUND}`,
  refusal: `refusal beyond ${BOUND}`,
};

export const RETRY_WORDS: Readonly<Record<Retries, string>> = {
  patient: `Patient clients: wait ${REQUEST_TIMEOUT_MS / 1000} s and ask once`,
  eager: `Eager clients: ask again after ${RETRY_MS.eager} ms and later`,
};
