/** `/lab/faults`: what the links to this server's peers do to what it sends. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { ADDRESS_ALLOWED, parseAddress } from '../address.ts';
import { checkLinkSettings, type LinkSettings, PERFECT } from '../transport/link.ts';
import { Refusal, type Schema, sendError, sendJson } from './errors.ts';
import { object, routeSchema } from './schemas.ts';
import type { Faults, FaultsDesk, Service } from './service.ts';

type Given = Readonly<Record<string, unknown>>;

/** The link model's own check knows what is allowed, and says so. */
const SETTINGS: Schema = {
  type: 'object',
  properties: Object.fromEntries(Object.keys(PERFECT).map((field) => [field, {}])),
  description: 'link settings; those left out are those of a link without faults',
};
const FAULTS = {
  default: SETTINGS,
  links: { type: 'object', additionalProperties: SETTINGS, description: 'by address' },
};
const CURRENT = object(FAULTS, { description: 'The settings in force.' });

const READ = routeSchema({
  summary: 'The link settings for what this server sends',
  tag: 'faults',
  answers: { 200: CURRENT },
  errors: ['faults_disabled'],
});

const REPLACE = routeSchema({
  summary: 'Replaces them',
  tag: 'faults',
  body: { type: 'object' },
  answers: { 200: CURRENT },
  errors: ['faults_disabled', 'invalid_faults'],
});

export function addFaultsRoutes(app: FastifyInstance, service: Service): void {
  const withDesk = (reply: FastifyReply, act: (desk: FaultsDesk) => void): void => {
    const { faults } = service;
    if (faults === null) {
      sendError(reply, 'faults_disabled');
      return;
    }
    act(faults);
    sendJson(reply, 200, JSON.stringify(faults.get()));
  };

  app.get('/lab/faults', { schema: READ }, (_request, reply) => withDesk(reply, () => {}));
  app.put<{ Body: Given }>('/lab/faults', { schema: REPLACE }, (request, reply) => {
    withDesk(reply, (desk) => desk.replace(faultsFrom(request.body)));
  });
}

function faultsFrom(given: Given): Faults {
  const unknown = Object.keys(given).find((field) => field !== 'default' && field !== 'links');
  if (unknown !== undefined) throw refusal(`Expected "default" and "links", got "${unknown}".`);
  const links = objectAt('links', given.links ?? {});
  for (const peer of Object.keys(links)) {
    if (parseAddress(peer) !== null) continue;
    throw refusal(`Expected "links" by address, ${ADDRESS_ALLOWED}, got ${JSON.stringify(peer)}.`);
  }
  return {
    default: settingsFrom('default', given.default ?? {}),
    links: Object.fromEntries(
      Object.entries(links).map(([peer, settings]) => [peer, settingsFrom(peer, settings)]),
    ),
  };
}

function settingsFrom(where: string, given: unknown): LinkSettings {
  const settings = objectAt(where, given);
  for (const [field, value] of Object.entries(settings)) {
    if (typeof value !== 'object' || value === null) continue;
    throw refusal(`Link setting ${field} of "${where}" is no single value.`);
  }
  const objection = checkLinkSettings(settings);
  if (objection !== null) throw refusal(objection);
  return { ...PERFECT, ...settings };
}

function objectAt(where: string, given: unknown): Given {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given as Given;
  throw refusal(`Expected "${where}" to be an object.`);
}

function refusal(message: string): Refusal {
  return new Refusal('invalid_faults', message);
}
