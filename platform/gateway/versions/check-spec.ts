/**
 * What a deployment says of its function, once more: whoever speaks gRPC by hand has no manifest that was checked. Names
 * become tokens of subjects, keys and paths, where "*" or ".." would reach what belongs to others.
 */
import { functionNamePattern, secretNamePattern, triggerNamePattern, triggersMax } from '#bundle';
import { gatewayPathsText, httpPathPattern, isGatewayPath, messageOf, PlatformError } from '#common';
import type { FunctionSpec } from '#proto';

const kinds: ReadonlySet<string> = new Set(['typescript', 'wasm', 'process', '']);
/** As a subject's filter may be. */
const subjectPattern = /^[^\s.]+(\.[^\s.]+)*$/;
const subjectCharsMax = 256;
const configCharsMax = 64 * 2 ** 10;

/** Throws `invalid`. */
export function checkSpec(spec: FunctionSpec): void {
  const { name, kind, triggers, secrets, configJson, output } = spec;
  if (!functionNamePattern.test(name)) throw wrong(`${JSON.stringify(name.slice(0, 80))} is no function name`);
  if (!kinds.has(kind)) throw wrong(`${name}: there is no kind of function ${JSON.stringify(kind.slice(0, 80))}`);
  if (triggers.length > triggersMax) throw wrong(`${name} has ${triggers.length} triggers; the most is ${triggersMax}`);
  const names = new Set<string>();
  for (const { name: trigger, subject, http } of triggers) {
    if (!triggerNamePattern.test(trigger) || names.has(trigger))
      throw wrong(`${name}: ${JSON.stringify(trigger.slice(0, 80))} is no name of a trigger, or is there twice`);
    names.add(trigger);
    if (subject.length > subjectCharsMax || !subjectPattern.test(subject))
      throw wrong(`${name}: ${JSON.stringify(subject.slice(0, 80))} is no subject`);
    if (http) checkPath(name, http.path);
  }
  const secret = secrets.find((each) => !secretNamePattern.test(each));
  if (secret !== undefined) throw wrong(`${name}: ${JSON.stringify(secret.slice(0, 80))} is no name of a secret`);
  if (output !== '' && (output.length > subjectCharsMax || !subjectPattern.test(output)))
    throw wrong(`${name}: ${JSON.stringify(output.slice(0, 80))} is no subject to publish on`);
  checkConfig(name, configJson);
}

function checkPath(name: string, path: string): void {
  if (!httpPathPattern.test(path)) throw wrong(`${name}: ${JSON.stringify(path.slice(0, 80))} is no path of a trigger`);
  if (isGatewayPath(path)) throw wrong(`${name}: "${path}" is taken: ${gatewayPathsText}`);
}

function checkConfig(name: string, configJson: string): void {
  if (configJson.length > configCharsMax) throw wrong(`${name}: its config is over ${configCharsMax} characters`);
  try {
    if (configJson !== '') JSON.parse(configJson);
  } catch (error) {
    throw wrong(`${name}: its config is no JSON: ${messageOf(error)}`);
  }
}

function wrong(what: string): PlatformError {
  return new PlatformError('invalid', what, {
    hint: '`pilotfish deploy` writes what a manifest says; see its schema.',
  });
}
