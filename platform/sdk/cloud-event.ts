/**
 * CloudEvents 1.0 in headers, binary mode: each attribute is a header "ce-<name>", its value percent-encoded as the NATS and
 * HTTP bindings say; the payload stays as it is. https://github.com/cloudevents/spec/blob/main/cloudevents/bindings
 */
import { Reject } from './failures.ts';

/** The context attributes of an event; its data is `event.data`. */
export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  /** A URI reference. With `id` it names the event in the world. */
  readonly source: string;
  readonly type: string;
  readonly subject?: string;
  /** RFC 3339. */
  readonly time?: string;
  readonly datacontenttype?: string;
  readonly dataschema?: string;
  /** Attributes that the specification does not know. */
  readonly extensions: Readonly<Record<string, string>>;
}

export const cloudEventPrefix = 'ce-';

const required = ['specversion', 'id', 'source', 'type'] as const;
const optional = ['subject', 'time', 'datacontenttype', 'dataschema'] as const;
const known: ReadonlySet<string> = new Set([...required, ...optional]);

const attributeName = /^[a-z0-9]{1,63}$/;
/** RFC 3339, section 5.6. */
const timePattern = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
/** What a URI reference cannot hold. */
const notInUri = /[\s<>"{}|\\^`]/;

/** The event's attributes; undefined where it is no CloudEvent. Throws Reject, with the reason, where it claims to be one and is not. */
export function readCloudEvent(headers: Readonly<Record<string, string>>): CloudEvent | undefined {
  const attributes: Record<string, string> = {};
  for (const [header, value] of Object.entries(headers)) {
    const name = header.toLowerCase();
    if (name.startsWith(cloudEventPrefix)) attributes[name.slice(cloudEventPrefix.length)] = decodeValue(header, value);
  }
  if (attributes['specversion'] === undefined) return undefined;
  const problem = attributesProblem(attributes);
  if (problem) throw new Reject(`it is no valid CloudEvent: ${problem}`);
  const extensions = Object.fromEntries(Object.entries(attributes).filter(([name]) => !known.has(name)));
  const core = Object.fromEntries(Object.entries(attributes).filter(([name]) => known.has(name)));
  return { ...(core as unknown as Omit<CloudEvent, 'extensions'>), extensions };
}

/** Header pairs of the attributes, in the form of both bindings. */
export function cloudEventHeaders(attributes: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(attributes).map(([name, value]) => [cloudEventPrefix + name, encodeValue(value)]);
}

function attributesProblem(attributes: Readonly<Record<string, string>>): string | undefined {
  for (const name of required) if (!attributes[name]) return `${cloudEventPrefix}${name} is missing`;
  const { specversion, source = '', time, dataschema } = attributes as Record<string, string | undefined>;
  if (specversion !== '1.0') return `${cloudEventPrefix}specversion is "${specversion}", and only 1.0 is known`;
  if (notInUri.test(source)) return `${cloudEventPrefix}source is no URI reference`;
  if (dataschema !== undefined && !URL.canParse(dataschema)) return `${cloudEventPrefix}dataschema is no URI`;
  if (time !== undefined && (!timePattern.test(time) || Number.isNaN(Date.parse(time))))
    return `${cloudEventPrefix}time is no RFC 3339 time`;
  const odd = Object.keys(attributes).find((name) => !attributeName.test(name));
  return odd === undefined ? undefined : `"${cloudEventPrefix}${odd}" is no name of an attribute`;
}

/** Printable ASCII but for blank, double quote and percent stays; the rest is its UTF-8, percent-encoded. */
function encodeValue(value: string): string {
  return value.replace(/[^\x21\x23\x24\x26-\x7e]+/g, (text) => encodeURIComponent(text.toWellFormed()));
}

function decodeValue(header: string, value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw new Reject(`it is no valid CloudEvent: ${header} is not percent-encoded UTF-8`);
  }
}
