// Where the gateway is, and the vendors' clients on it. Fails when it is not told.

import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

function given(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run these tests through pytest`);
  return value;
}

const url = given('WEIR_URL');
const key = given('WEIR_KEY');

/** Where the gateway is, and a key for it. */
export const site = { url, key };

export const openai = (options = {}) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, timeout: 30_000, ...options });
export const anthropic = (options = {}) =>
  new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0, timeout: 30_000, ...options });

export const UPSTREAMS = ['openai', 'anthropic'];

const mimic = `${given('MIMIC_URL')}/_mimic/requests`;

/** Forgets what the fake vendors received. */
export const forget = () => fetch(mimic, { method: 'DELETE' });

/** What they received since, oldest first. */
export async function received() {
  const requests = await (await fetch(mimic)).json();
  return requests.map((request) => ({ ...request, json: request.body ? JSON.parse(request.body) : null }));
}

/** Waits for a condition, bounded in time. */
export async function until(condition, what) {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const parameters = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer' } },
  required: ['city', 'days'],
};
