/** Reads `pilotfish.yaml`. Every error names file, line and column, and the nearest key or value that would be right. */
import { readFileSync, statSync } from 'node:fs';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, type YAMLParseError } from 'yaml';
import type { z } from 'zod';
import { messageOf, PlatformError } from '#common';
import type { FunctionSpec } from '#proto';
import { resolveSpec } from './function-spec.ts';
import { issueText } from './issue-text.ts';
import { keyHint } from './key-hint.ts';
import { functionNamePattern, functionsMax, manifestSchema } from './manifest-schema.ts';
import { SpecProblem } from './spec-problem.ts';

export const manifestFileName = 'pilotfish.yaml';

/** More text than this is no manifest; the parser is kept from it. */
const manifestBytesMax = 2 ** 20;
/** The first few problems help; a hundred hide them. */
const problemsShownMax = 5;

export interface ManifestFunction {
  readonly spec: FunctionSpec;
  /** As written, relative to the manifest; absent for a foreign process. */
  readonly entry: string | undefined;
  /** Further files, as written. */
  readonly files: readonly string[];
}

type Path = readonly PropertyKey[];

interface Problem {
  readonly path: Path;
  readonly message: string;
  readonly hint: string;
  /** Where the key, not its value, is at fault. */
  readonly atKey?: boolean;
}

/** Throws `invalid` as `parseManifest`, and for a file that is too large before it is read. */
export function parseManifestFile(file: string): ManifestFunction[] {
  if (statSync(file).size > manifestBytesMax) throw tooLarge(file);
  return parseManifest(readFileSync(file, 'utf8'), file);
}

/** Parses a manifest; throws `invalid` with one line a problem, "FILE:LINE:COLUMN: what". */
export function parseManifest(text: string, file: string): ManifestFunction[] {
  if (text.length > manifestBytesMax) throw tooLarge(file);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    logLevel: 'error',
  });
  const locate = (path: Path, atKey = false) => position(document, lines, path, atKey);
  const [broken] = document.errors;
  if (broken) throw invalid(file, [yamlProblem(broken, text, lines)]);
  const read = readFunctions(toPlain(document, file));
  if (Array.isArray(read)) return read;
  throw invalid(
    file,
    read.problems.map(({ path, message, hint, atKey }) => ({ at: locate(path, atKey), message, hint })),
  );
}

/** What stands twice is named: a second function of the same name would replace the first without a word. */
function yamlProblem({ code, message, pos: [from] }: YAMLParseError, text: string, lines: LineCounter) {
  const at = lines.linePos(from);
  if (code !== 'DUPLICATE_KEY') return { at, message: firstLine(message), hint: '' };
  const key = /^[^\s:]*/.exec(text.slice(from))?.[0] ?? '';
  return { at, message: `"${key}" stands here a second time`, hint: 'Give it another name, or join the two.' };
}

/** Aliases can blow a small text up beyond all memory; the library counts them and refuses. */
function toPlain(document: Document, file: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw unreadable(file, error);
  }
}

function readFunctions(plain: unknown): ManifestFunction[] | { problems: readonly Problem[] } {
  const early = nameProblems(plain);
  if (early.length > 0) return { problems: early };
  const parsed = manifestSchema.safeParse(plain ?? {});
  if (!parsed.success) return { problems: parsed.error.issues.flatMap(issueProblems) };
  const problems: Problem[] = [];
  const functions: ManifestFunction[] = [];
  for (const [name, manifest] of Object.entries(parsed.data.functions)) {
    try {
      functions.push({ spec: resolveSpec(name, manifest), entry: manifest.entry, files: manifest.files });
    } catch (error) {
      if (!(error instanceof SpecProblem)) throw error;
      problems.push({ path: ['functions', name, ...error.path], message: error.message, hint: error.hint });
    }
  }
  return problems.length > 0 ? { problems } : functions;
}

function nameProblems(plain: unknown): Problem[] {
  const entries = functionEntries(plain);
  if (entries.length > functionsMax) {
    return [
      {
        path: ['functions'],
        message: `${entries.length} functions; a manifest holds at most ${functionsMax}`,
        hint: '',
      },
    ];
  }
  return entries
    .filter(([name]) => !functionNamePattern.test(name))
    .map(([name]) => ({
      path: ['functions', name],
      message: `"${name}" is no function name`,
      hint: 'Begin with a small letter, then small letters, digits and hyphens, at most 63 characters.',
      atKey: true,
    }));
}

function functionEntries(plain: unknown): [string, unknown][] {
  if (typeof plain !== 'object' || plain === null || !('functions' in plain)) return [];
  const { functions } = plain;
  return typeof functions === 'object' && functions !== null ? Object.entries(functions) : [];
}

function issueProblems(issue: z.core.$ZodIssue): Problem[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      return { path: [...path, key], message: `"${key}" is not a known key`, hint: keyHint(path, key), atKey: true };
    });
  }
  const last = String(path.at(-1) ?? 'the manifest');
  return [{ path, message: `"${last}" ${issueText(issue)}`, hint: '' }];
}

/** Position of the node at a path, or of the nearest one above it that exists. */
function position(document: Document, lines: LineCounter, path: Path, atKey: boolean): { line: number; col: number } {
  for (let length = path.length; length >= 0; length--) {
    const offset = offsetOf(document, path.slice(0, length), atKey && length === path.length);
    if (offset !== undefined) return lines.linePos(offset);
  }
  return { line: 1, col: 1 };
}

function offsetOf(document: Document, path: Path, atKey: boolean): number | undefined {
  const node = path.length === 0 ? document.contents : document.getIn(path, true);
  if (!atKey && isNode(node) && node.range) return node.range[0];
  const parent = document.getIn(path.slice(0, -1), true);
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(path.at(-1)));
  return isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
}

function invalid(
  file: string,
  found: readonly { at: { line: number; col: number }; message: string; hint: string }[],
): PlatformError {
  const problems = found.toSorted((a, b) => a.at.line - b.at.line || a.at.col - b.at.col);
  const shown = problems
    .slice(0, problemsShownMax)
    .map(({ at, message }) => `${file}:${at.line}:${at.col}: ${message}`);
  if (problems.length > problemsShownMax) shown.push(`... and ${problems.length - problemsShownMax} more`);
  const hints = [...new Set(problems.slice(0, problemsShownMax).map(({ hint }) => hint))].filter((hint) => hint !== '');
  return new PlatformError('invalid', shown.join('\n'), { hint: hints.join(' ') });
}

function tooLarge(file: string): PlatformError {
  return new PlatformError('invalid', `${file} is larger than a manifest may be, 1 MiB`);
}

function unreadable(file: string, cause: unknown): PlatformError {
  return new PlatformError('invalid', `${file}: ${messageOf(cause)}`, { cause });
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}
