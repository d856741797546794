/**
 * Headers of the frames that an instance sends, checked: a foreign program writes its frames itself, and one that it gets
 * wrong is to end its instance and not the agent. All throw `invalid`, which names the frame and the field.
 */
import { messageOf, PlatformError } from '#common';
import type { MetricSample } from '#sdk';
import type { ErrorHeader, LogHeader, OutputHeader, PublishHeader, RunHeader, StateHeader } from './headers.ts';

type Fields = Readonly<Record<string, unknown>>;
type Kind = 'string' | 'number';

const errorKinds: ReadonlySet<unknown> = new Set(['failed', 'rejected', 'retry', 'load', 'noFunction']);
const stateOperations: ReadonlySet<unknown> = new Set(['get', 'set', 'delete']);
const metricKinds: ReadonlySet<unknown> = new Set(['counter', 'gauge', 'histogram']);
const logLevels: ReadonlySet<unknown> = new Set(['debug', 'info', 'warn', 'error']);
/** Ids are header lines of their message: printable, without blanks, and short. */
const messageIdPattern = /^[\x21-\x7e]{1,512}$/;
/** An error longer than this is a dump; what is told of it must fit a dead letter. */
const messageCharsMax = 8_192;
const stackCharsMax = 65_536;
/** A pause that a function asks for. */
const retryAfterMsMax = 7 * 86_400_000;

export function readErrorHeader(header: Uint8Array): ErrorHeader {
  const fields = readFields('error', header);
  const kind = requireOneOf('error', fields, 'kind', errorKinds) as ErrorHeader['kind'];
  const message = requireField('error', fields, 'message', 'string').slice(0, messageCharsMax);
  const stack = requireField('error', fields, 'stack', 'string').slice(0, stackCharsMax);
  if (fields['retryAfterMs'] === undefined) return { kind, message, stack };
  const wait = requireField('error', fields, 'retryAfterMs', 'number');
  return { kind, message, stack, retryAfterMs: Math.min(Math.max(0, wait), retryAfterMsMax) };
}

export function readLogHeader(header: Uint8Array): LogHeader {
  const fields = readFields('log', header);
  const { dropped } = fields;
  if (dropped !== undefined && !isCount(dropped)) throw wrong('log', 'dropped', 'is no count of lines');
  return {
    level: requireOneOf('log', fields, 'level', logLevels) as string,
    call: requireField('log', fields, 'call', 'string'),
    ...(fields['trace'] === undefined ? {} : { trace: requireField('log', fields, 'trace', 'string').slice(0, 32) }),
    ...(dropped === undefined ? {} : { dropped }),
  };
}

export function readRunHeader(header: Uint8Array): RunHeader {
  const fields = readFields('run', header);
  const ms = requireField('run', fields, 'ms', 'number');
  if (ms < 0) throw wrong('run', 'ms', 'is no time');
  return { t: requireField('run', fields, 't', 'number'), ms };
}

/** The body of a `metrics`. Whether such metrics may be is for the book that they go into. */
export function readMetricSamples(body: Uint8Array): MetricSample[] {
  const list = parse('metrics', textOf(body));
  if (!Array.isArray(list)) throw wrong('metrics', 'body', 'is no list');
  return list.map((entry: unknown): MetricSample => {
    const fields = asFields('metrics', entry);
    const { help = '', bounds = [], counts = [], labels = {} } = fields;
    return {
      name: requireField('metrics', fields, 'name', 'string'),
      kind: requireOneOf('metrics', fields, 'kind', metricKinds) as MetricSample['kind'],
      value: requireField('metrics', fields, 'value', 'number'),
      help: typeof help === 'string' ? help : '',
      labels: requireHeaders('metrics', labels),
      bounds: requireNumbers('metrics', 'bounds', bounds),
      counts: requireNumbers('metrics', 'counts', counts),
    };
  });
}

export function readPublishHeader(header: Uint8Array): PublishHeader {
  const fields = readFields('publish', header);
  const messageId = requireField('publish', fields, 'messageId', 'string');
  if (!messageIdPattern.test(messageId)) throw wrong('publish', 'messageId', 'is no id of a message');
  return {
    token: requireToken('publish', fields),
    subject: requireField('publish', fields, 'subject', 'string'),
    messageId,
    headers: requireHeaders('publish', fields['headers']),
  };
}

export function readStateHeader(header: Uint8Array): StateHeader {
  const fields = readFields('state', header);
  const { revision, once } = fields;
  if (revision !== undefined && !isCount(revision)) throw wrong('state', 'revision', 'is no revision');
  if (once !== undefined && typeof once !== 'string') throw wrong('state', 'once', 'is no text');
  return {
    token: requireToken('state', fields),
    operation: requireOneOf('state', fields, 'operation', stateOperations) as StateHeader['operation'],
    key: requireField('state', fields, 'key', 'string'),
    ...(revision === undefined ? {} : { revision }),
    ...(once === undefined ? {} : { once }),
  };
}

/** Of a `result` in the form `several`, whose outputs' bytes are all there is in its body. */
export function readOutputHeaders(header: string, bodyBytes: number): OutputHeader[] {
  const list = parse('result', header);
  if (!Array.isArray(list)) throw wrong('result', 'header', 'is no list');
  let bytes = 0;
  const outputs = list.map((entry: unknown): OutputHeader => {
    const fields = asFields('result', entry);
    const { length, subject, headers } = fields;
    if (!isCount(length)) throw wrong('result', 'length', 'is no count of bytes');
    if (subject !== undefined && typeof subject !== 'string') throw wrong('result', 'subject', 'is no text');
    bytes += length;
    return {
      length,
      ...(subject === undefined ? {} : { subject }),
      ...(headers === undefined ? {} : { headers: requireHeaders('result', headers) }),
    };
  });
  if (bytes !== bodyBytes) throw wrong('result', 'length', `adds up to ${bytes} bytes of ${bodyBytes}`);
  return outputs;
}

function readFields(frame: string, header: Uint8Array): Fields {
  return asFields(frame, parse(frame, textOf(header)));
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

function parse(frame: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrong(frame, 'header', `is no JSON: ${messageOf(error)}`);
  }
}

function asFields(frame: string, value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw wrong(frame, 'header', 'is no object');
}

function requireField(frame: string, fields: Fields, name: string, kind: 'string'): string;
function requireField(frame: string, fields: Fields, name: string, kind: 'number'): number;
function requireField(frame: string, fields: Fields, name: string, kind: Kind): unknown {
  const value = fields[name];
  if (typeof value === kind && !Number.isNaN(value)) return value;
  throw wrong(frame, name, `is not a ${kind}`);
}

function requireOneOf(frame: string, fields: Fields, name: string, values: ReadonlySet<unknown>): unknown {
  if (values.has(fields[name])) return fields[name];
  throw wrong(frame, name, `is none of ${[...values].join(', ')}`);
}

function requireToken(frame: string, { token }: Fields): number {
  if (isCount(token)) return token;
  throw wrong(frame, 'token', 'is no number of a frame');
}

function requireHeaders(frame: string, value: unknown): Record<string, string> {
  const fields = asFields(frame, value);
  const odd = Object.keys(fields).find((name) => typeof fields[name] !== 'string');
  if (odd !== undefined) throw wrong(frame, `headers.${odd}`, 'is no text');
  return fields as Record<string, string>;
}

function requireNumbers(frame: string, name: string, value: unknown): number[] {
  if (Array.isArray(value) && value.every((each) => typeof each === 'number')) return value;
  throw wrong(frame, name, 'is no list of numbers');
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function wrong(frame: string, field: string, why: string): PlatformError {
  return new PlatformError('invalid', `a frame of the type ${frame} is wrong: its ${field.slice(0, 64)} ${why}`, {
    hint: 'docs/foreign-functions.md says what frames look like.',
  });
}
