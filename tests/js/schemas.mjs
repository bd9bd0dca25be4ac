// The contract's schemas, by which every client here checks all that it is sent.
import { readFileSync } from 'node:fs';
import assert from 'node:assert/strict';
import Ajv from 'ajv';

export const contract = JSON.parse(readFileSync(new URL('../../shared/contract/asyncapi.json', import.meta.url), 'utf8'));

/** The kinds of message that came and were as they must be. */
export const seen = new Set();

/** An object may have no member but those that its schema names: what the server sends is all documented. */
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed);
  if (!schema || typeof schema !== 'object') return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return schema.type === 'object' && schema.properties ? { additionalProperties: false, ...copy } : copy;
}

function compiler(components) {
  const ajv = new Ajv({ strict: true, allowUnionTypes: true, formats: { 'date-time': true } });
  ajv.addVocabulary(['components']);
  return ajv.addSchema({ $id: 'contract', components });
}

const open = compiler(contract.components);
const exact = compiler(closed(contract.components));
const validator = (ajv, message) => ajv.getSchema(`contract#/components/messages/${message}/payload`);

/** What is wrong with a payload of one of the document's messages, e.g. `socketio.event.send_message`; nothing if it is good. */
export function flaws(message, payload, ajv = open) {
  const validate = validator(ajv, message);
  return validate(payload) ? [] : validate.errors.map((error) => `${error.instancePath || '/'} ${error.message}`);
}

function conforms(kind, payload) {
  assert.deepEqual(flaws(`socketio.${kind}`, payload, exact), [], `${kind} is not as documented: ${JSON.stringify(payload)}`);
  seen.add(kind);
}

const isKnown = (kind) => `socketio.${kind}` in contract.components.messages;

/** Fails unless a server event is as documented; services' own events may be anything. */
export function heard(event, data) {
  if (isKnown(`signal.${event}`)) conforms(`signal.${event}`, data);
}

/** Fails unless an ack is as documented. */
export function answered(event, ack) {
  conforms(ack?.success === true && isKnown(`ack.${event}`) ? `ack.${event}` : 'refusal', ack);
}
