/** Turns one function of a manifest into the spec that the pilot keeps: units resolved, templates checked. */
import { formatBytes, parseSizeBytes } from '#common';
import type { FunctionKind } from '#frames';
import { cronProblem } from '#model';
import type { FunctionSpec, Permissions, Scale, Trigger } from '#proto';
import { type FunctionManifest, functionSchema } from './manifest-schema.ts';
import { durationMs, SpecProblem } from './spec-problem.ts';
import { placeholders, subjectsOverlap, templateProblem } from './subject-template.ts';
import { keyWithoutToken, resolveTrigger } from './trigger-spec.ts';

/** Below this Node itself does not start. */
const memoryBytesMin = 32 * 2 ** 20;
/** One event of the largest size has to fit. */
const heldBytesMin = 16 * 2 ** 20;
/** Below it the reference costs more than the payload; above it the broker refuses what is not claimed. */
const claimOverBytesMin = 64 * 2 ** 10;
const claimOverBytesMax = 15 * 2 ** 20;
/** The spec travels in one message and lies in a KV entry. */
const configBytesMax = 64 * 2 ** 10;

/** Throws SpecProblem. */
export function resolveSpec(name: string, manifest: FunctionManifest): FunctionSpec {
  const triggers = manifest.on.map((trigger, at) => resolveTrigger(name, trigger, at));
  checkNames(triggers);
  checkKind(manifest, triggers);
  checkStreaming(manifest, triggers);
  checkOutput(manifest, triggers);
  const retryMinMs = durationMs(manifest.retry.min, ['retry', 'min'], 0);
  const retryMaxMs = durationMs(manifest.retry.max, ['retry', 'max'], 0);
  if (retryMinMs > retryMaxMs) throw new SpecProblem(['retry', 'min'], 'retry.min is above retry.max');
  return {
    name,
    kind: kindOf(manifest),
    triggers,
    output: manifest.output,
    timeoutMs: durationMs(manifest.timeout, ['timeout'], 1),
    retry: { attempts: manifest.retry.attempts, minMs: retryMinMs, maxMs: retryMaxMs },
    concurrency: manifest.concurrency,
    resources: {
      cpu: manifest.resources.cpu,
      memoryBytes: memory(manifest.resources.memory),
      gpus: manifest.resources.gpus,
    },
    scale: resolveScale(manifest.scale),
    placement: manifest.placement,
    configJson: configJson(manifest.config),
    command: manifest.command ?? [],
    transport: manifest.command ? (manifest.transport ?? 'fd3') : '',
    batch: manifest.batch && {
      size: manifest.batch.size,
      waitMs: durationMs(manifest.batch.wait, ['batch', 'wait'], 0),
    },
    permissions: withDirectories(manifest.permissions, triggers),
    secrets: [...manifest.secrets].sort(),
    order: manifest.order && { key: checkedOrderKey(manifest.order.key, triggers) },
    latency: manifest.latency,
    cloudEvents: manifest.cloudEvents && {
      type: manifest.cloudEvents.type,
      source: manifest.cloudEvents.source ?? `/pilotfish/${name}`,
      contentType: manifest.cloudEvents.contentType ?? '',
    },
    limits: { inFlight: manifest.limits.inFlight, memoryBytes: heldBytes(manifest.limits.memory) },
    claimOverBytes: claimOver(manifest.claimOver),
  };
}

function resolveScale({ min, max, weight, drainTarget, cooldown, schedule }: FunctionManifest['scale']): Scale {
  if (min > max) throw new SpecProblem(['scale', 'min'], `scale.min ${min} is above scale.max ${max}`);
  return {
    min,
    max,
    weight,
    drainTargetMs: durationMs(drainTarget, ['scale', 'drainTarget'], 1),
    cooldownMs: durationMs(cooldown, ['scale', 'cooldown'], 0),
    schedule: schedule.map((entry, at) => {
      const path = ['scale', 'schedule', at];
      const wrong = cronProblem(entry.cron, entry.timezone);
      if (wrong) throw new SpecProblem([...path, 'cron'], wrong, 'Five fields: "0 8 * * 1-5" is 8:00 on workdays.');
      if (entry.min > entry.max) throw new SpecProblem([...path, 'min'], `min ${entry.min} is above max ${entry.max}`);
      const forMs = durationMs(entry.for, [...path, 'for'], 1);
      return { cron: entry.cron, timeZone: entry.timezone, forMs, min: entry.min, max: entry.max };
    }),
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

/** What a trigger hands over by its path may be read. */
function withDirectories(permissions: FunctionManifest['permissions'], triggers: readonly Trigger[]): Permissions {
  const directories = triggers.flatMap(({ files }) => (files ? [files.directory] : []));
  return { ...permissions, read: [...new Set([...permissions.read, ...directories])] };
}

/** The spec of a function without manifest: every default, no trigger. */
export function defaultSpec(name: string, entry: string): FunctionSpec {
  return resolveSpec(name, functionSchema.parse({ entry }));
}

/** A key is read from the subject of each trigger; gathers have one event a key anyhow. */
function checkedOrderKey(key: string, triggers: readonly Trigger[]): string {
  if (triggers.length === 0)
    throw new SpecProblem(
      ['order'],
      'order is about events, and the function has no trigger',
      'on: [{ subject: "jobs.*" }]',
    );
  for (const [at, { subject, gather, window, start, replaySpeed }] of triggers.entries()) {
    const collects = gather ? 'gather' : window && 'window';
    if (collects)
      throw new SpecProblem(['on', at, collects], `a ${collects} is not put in order: it gives one event a key`);
    // Put in line from the beginning, and as fast as they are stored.
    const beginning = start ? 'from' : replaySpeed > 0 && 'replay';
    if (beginning) throw new SpecProblem(['on', at, beginning], `"${beginning}" does not go with order`);
    const wrong = templateProblem(key, subject) ?? keyWithoutToken(key);
    if (wrong) throw new SpecProblem(['order', 'key'], `order.key: ${wrong}`);
  }
  return key;
}

/** A batch would hold up each of its keys until the slowest has closed. */
function checkStreaming({ batch }: FunctionManifest, triggers: readonly Trigger[]): void {
  const at = triggers.findIndex(({ gather }) => gather?.streaming);
  if (batch && at >= 0)
    throw new SpecProblem(
      ['on', at, 'gather', 'streaming'],
      '"streaming" does not go with batch',
      'Leave out `batch`.',
    );
}

function checkKind(manifest: FunctionManifest, triggers: readonly Trigger[]): void {
  if (kindOf(manifest) !== 'wasm') return;
  const gathering = triggers.findIndex(({ gather, window }) => gather ?? window);
  if (gathering >= 0) {
    const key = triggers[gathering]?.gather ? 'gather' : 'window';
    throw new SpecProblem(['on', gathering, key], `a WASM function cannot be given the parts of a ${key}`);
  }
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
  for (const { subject, gather, window } of triggers) {
    const wrong = templateProblem(output, subject);
    if (wrong) throw new SpecProblem(['output'], `output: ${wrong}`);
    // Of a gathered key only its own tokens are known: the others differ from part to part.
    const key = (gather ?? window)?.key;
    const unknown = key !== undefined && placeholders(output).find((number) => !placeholders(key).includes(number));
    if (unknown) {
      const what = gather ? 'gather' : 'window';
      throw new SpecProblem(['output'], `output: "{${unknown}}" is not part of the ${what} key "${key}"`);
    }
    if (subjectsOverlap(output, subject)) {
      const message = `output "${output}" would trigger the function itself through "${subject}"`;
      throw new SpecProblem(['output'], message, 'Publish the results under another first token.');
    }
  }
}

function heldBytes(text: string): number {
  const bytes = parseSizeBytes(text);
  if (bytes >= heldBytesMin) return bytes;
  throw new SpecProblem(['limits', 'memory'], `"${text}" is below ${formatBytes(heldBytesMin)}, the largest event`);
}

function claimOver(text: string): number {
  const bytes = parseSizeBytes(text);
  if (bytes >= claimOverBytesMin && bytes <= claimOverBytesMax) return bytes;
  const range = `${formatBytes(claimOverBytesMin)} to ${formatBytes(claimOverBytesMax)}`;
  throw new SpecProblem(['claimOver'], `"${text}" is out of range: ${range}`);
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
