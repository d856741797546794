/** Turns one function of a manifest into the spec that the pilot keeps: units resolved, templates checked. */
import { formatBytes, parseDurationMs, parseSizeBytes } from '#common';
import type { FunctionKind } from '#frames';
import type { FunctionSpec, Trigger } from '#proto';
import { type FunctionManifest, functionSchema, type TriggerManifest } from './manifest-schema.ts';
import { placeholders, subjectProblem, subjectsOverlap, templateProblem } from './subject-template.ts';

/** What is wrong, and where below the function's own key. */
export class SpecProblem extends Error {
  readonly path: readonly PropertyKey[];
  readonly hint: string;

  constructor(path: readonly PropertyKey[], message: string, hint = '') {
    super(message);
    this.name = 'SpecProblem';
    this.path = path;
    this.hint = hint;
  }
}

/** Parts without a kind of their own are of this one; `count: 180` means it. */
const defaultPartKind = 'part';

/** Kinds are header values and map keys. */
const partKindPattern = /^[a-z][a-z0-9-]{0,30}$/;

/** Below this Node itself does not start. */
const memoryBytesMin = 32 * 2 ** 20;
/** A call of a day is a scheduler job. */
const durationMsMax = 24 * 3_600_000;
/** The spec travels in one message and lies in a KV entry. */
const configBytesMax = 64 * 2 ** 10;

/** Throws SpecProblem. */
export function resolveSpec(name: string, manifest: FunctionManifest): FunctionSpec {
  const triggers = manifest.on.map((trigger, at) => resolveTrigger(trigger, at));
  checkNames(triggers);
  checkKind(manifest, triggers);
  checkOutput(manifest, triggers);
  const { min, max } = manifest.scale;
  if (min > max) throw new SpecProblem(['scale', 'min'], `scale.min ${min} is above scale.max ${max}`);
  const retryMinMs = duration(manifest.retry.min, ['retry', 'min'], 0);
  const retryMaxMs = duration(manifest.retry.max, ['retry', 'max'], 0);
  if (retryMinMs > retryMaxMs) throw new SpecProblem(['retry', 'min'], 'retry.min is above retry.max');
  return {
    name,
    kind: kindOf(manifest),
    triggers,
    output: manifest.output,
    timeoutMs: duration(manifest.timeout, ['timeout'], 1),
    retry: { attempts: manifest.retry.attempts, minMs: retryMinMs, maxMs: retryMaxMs },
    concurrency: manifest.concurrency,
    resources: { cpu: manifest.resources.cpu, memoryBytes: memory(manifest.resources.memory) },
    scale: {
      min,
      max,
      drainTargetMs: duration(manifest.scale.drainTarget, ['scale', 'drainTarget'], 1),
      cooldownMs: duration(manifest.scale.cooldown, ['scale', 'cooldown'], 0),
    },
    configJson: configJson(manifest.config),
    command: manifest.command ?? [],
    transport: manifest.command ? (manifest.transport ?? 'fd3') : '',
    batch: manifest.batch && { size: manifest.batch.size, waitMs: duration(manifest.batch.wait, ['batch', 'wait'], 0) },
    permissions: manifest.permissions,
    secrets: [...manifest.secrets].sort(),
    latency: manifest.latency,
  };
}

/** A function is what its entry's ending says, or a foreign process where it has a command. */
function kindOf({ entry, command, transport }: FunctionManifest): FunctionKind {
  if (entry !== undefined && command) {
    throw new SpecProblem(['command'], 'a function has an entry or a command, not both');
  }
  if (transport && !command) throw new SpecProblem(['transport'], 'transport belongs to a command');
  if (command) return 'process';
  if (entry === undefined) throw new SpecProblem([], 'a function needs an entry (or a command)', 'entry: function.ts');
  if (/\.(wasm|as\.ts)$/.test(entry)) return 'wasm';
  if (/\.(ts|js)$/.test(entry)) return 'typescript';
  throw new SpecProblem(['entry'], `"${entry}" is no entry: it ends in .ts, .js, .as.ts or .wasm`);
}

/** The spec of a function without manifest: every default, no trigger. */
export function defaultSpec(name: string, entry: string): FunctionSpec {
  return resolveSpec(name, functionSchema.parse({ entry }));
}

function resolveTrigger(trigger: TriggerManifest, at: number): Trigger {
  const path = ['on', at];
  const wrong = subjectProblem(trigger.subject);
  if (wrong)
    throw new SpecProblem([...path, 'subject'], wrong, 'Tokens are letters, digits, "-" and "_", joined by dots.');
  const name = trigger.name ?? `on${at}`;
  if (!trigger.gather) return { name, subject: trigger.subject, gather: undefined };
  const { key, count, gap, timeout, onIncomplete } = trigger.gather;
  const keyProblem = templateProblem(key, trigger.subject) ?? keyWithoutToken(key);
  if (keyProblem) throw new SpecProblem([...path, 'gather', 'key'], `gather.key: ${keyProblem}`);
  const counts = typeof count === 'number' ? { [defaultPartKind]: count } : (count ?? {});
  const oddKind = Object.keys(counts).find((kind) => !partKindPattern.test(kind));
  if (oddKind !== undefined) throw new SpecProblem([...path, 'gather', 'count'], `"${oddKind}" is no kind of part`);
  const gapMs = duration(gap, [...path, 'gather', 'gap'], 1);
  const timeoutMs = duration(timeout, [...path, 'gather', 'timeout'], 1);
  return { name, subject: trigger.subject, gather: { key, counts, gapMs, timeoutMs, onIncomplete } };
}

/** G7: the key is made of subject tokens; a constant would put all events under one key. */
function keyWithoutToken(key: string): string | undefined {
  return placeholders(key).length > 0
    ? undefined
    : `"${key}" names no token of the subject; write "{1}" for the first "*"`;
}

function checkKind(manifest: FunctionManifest, triggers: readonly Trigger[]): void {
  if (kindOf(manifest) !== 'wasm') return;
  const gathering = triggers.findIndex(({ gather }) => gather !== undefined);
  if (gathering >= 0)
    throw new SpecProblem(['on', gathering, 'gather'], 'a WASM function cannot be given the parts of a gather');
  if (manifest.batch) throw new SpecProblem(['batch'], 'a WASM function handles one event at a time');
}

function checkNames(triggers: readonly Trigger[]): void {
  const seen = new Set<string>();
  for (const [at, { name }] of triggers.entries()) {
    if (seen.has(name)) throw new SpecProblem(['on', at, 'name'], `two triggers are called "${name}"`);
    seen.add(name);
  }
}

function checkOutput({ output }: FunctionManifest, triggers: readonly Trigger[]): void {
  if (output === '') return;
  if (triggers.length === 0) {
    const wrong = templateProblem(output, '');
    if (wrong) throw new SpecProblem(['output'], `output: ${wrong}`);
  }
  for (const { subject, gather } of triggers) {
    const wrong = templateProblem(output, subject);
    if (wrong) throw new SpecProblem(['output'], `output: ${wrong}`);
    // Of a gathered key only its own tokens are known: the others differ from part to part.
    const unknown = gather && placeholders(output).find((number) => !placeholders(gather.key).includes(number));
    if (unknown)
      throw new SpecProblem(['output'], `output: "{${unknown}}" is not part of the gather key "${gather.key}"`);
    if (subjectsOverlap(output, subject)) {
      const message = `output "${output}" would trigger the function itself through "${subject}"`;
      throw new SpecProblem(['output'], message, 'Publish the results under another first token.');
    }
  }
}

function duration(text: string, path: readonly PropertyKey[], minMs: number): number {
  const ms = parseDurationMs(text);
  if (ms < minMs) throw new SpecProblem(path, `"${text}" is too short; the shortest is ${minMs}ms`);
  if (ms > durationMsMax) throw new SpecProblem(path, `"${text}" is too long; the longest is 24h`);
  return ms;
}

function memory(text: string): number {
  const bytes = parseSizeBytes(text);
  if (bytes >= memoryBytesMin && Number.isSafeInteger(bytes)) return bytes;
  throw new SpecProblem(
    ['resources', 'memory'],
    `"${text}" is out of range; the least is ${formatBytes(memoryBytesMin)}`,
  );
}

function configJson(config: Readonly<Record<string, unknown>>): string {
  const json = JSON.stringify(config);
  if (Buffer.byteLength(json) <= configBytesMax) return json;
  throw new SpecProblem(
    ['config'],
    `config takes ${formatBytes(Buffer.byteLength(json))}; the most is ${formatBytes(configBytesMax)}`,
  );
}
