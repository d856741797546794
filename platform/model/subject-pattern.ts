/** Subjects with wildcards, and templates over what the wildcards matched: "scan.*.frame" and "recon.{1}". */
import { PlatformError } from '#common';

/** Tokens that "*" matched, in order; undefined when the subject does not match. ">" matches the rest as one. */
export function matchSubject(pattern: string, subject: string): string[] | undefined {
  const wanted = pattern.split('.');
  const tokens = subject.split('.');
  const captured: string[] = [];
  for (const [position, token] of wanted.entries()) {
    if (token === '>') {
      if (tokens.length <= position) return undefined;
      captured.push(tokens.slice(position).join('.'));
      return captured;
    }
    const actual = tokens[position];
    if (actual === undefined) return undefined;
    if (token === '*') captured.push(actual);
    else if (token !== actual) return undefined;
  }
  return tokens.length === wanted.length ? captured : undefined;
}

/** True where some subject could match both patterns. */
export function patternsOverlap(a: string, b: string): boolean {
  const left = a.split('.');
  const right = b.split('.');
  for (let position = 0; position < Math.max(left.length, right.length); position++) {
    const one = left[position];
    const other = right[position];
    if (one === undefined || other === undefined) return false;
    if (one === '>' || other === '>') return true;
    if (one !== '*' && other !== '*' && one !== other) return false;
  }
  return true;
}

/** True where every subject that matches `inner` matches `outer`. */
export function patternCovers(outer: string, inner: string): boolean {
  const wide = outer.split('.');
  const narrow = inner.split('.');
  for (const [position, token] of wide.entries()) {
    const other = narrow[position];
    if (other === undefined) return false;
    if (token === '>') return true;
    if (token === '*' ? other === '>' : token !== other) return false;
  }
  return wide.length === narrow.length;
}

/**
 * Compiles a template such as "recon.{1}" against a trigger's pattern into a function of the subject.
 * Throws `invalid` when the template names a wildcard that the pattern does not have.
 */
export function compileTemplate(template: string, pattern: string): (subject: string) => string {
  const positions = pattern.split('.').flatMap((token, position) => (token === '*' || token === '>' ? [position] : []));
  const pieces = template.split(/\{(\d+)\}/);
  if (pieces.length === 1) return () => template;
  const sources = pieces.map((piece, at) =>
    at % 2 === 0 ? piece : wildcardAt(Number(piece), positions, template, pattern),
  );
  return (subject) => {
    let result = '';
    for (const source of sources) {
      if (typeof source === 'string') result += source;
      else result += source.rest ? tokensFrom(subject, source.position) : tokenAt(subject, source.position);
    }
    return result;
  };
}

/** Empty where the subject has fewer. Once an event: no list of all tokens. */
export function tokenAt(subject: string, position: number): string {
  const rest = tokensFrom(subject, position);
  const end = rest.indexOf('.');
  return end < 0 ? rest : rest.slice(0, end);
}

function tokensFrom(subject: string, position: number): string {
  let from = 0;
  for (let passed = 0; passed < position; passed++) {
    from = subject.indexOf('.', from) + 1;
    if (from === 0) return '';
  }
  return subject.slice(from);
}

function wildcardAt(
  number: number,
  positions: readonly number[],
  template: string,
  pattern: string,
): { position: number; rest: boolean } {
  const position = positions[number - 1];
  if (position === undefined) {
    throw new PlatformError(
      'invalid',
      `"${template}" uses {${number}}, but "${pattern}" has ${positions.length} wildcards`,
      {
        hint: '{1} is the first "*" of the trigger\'s subject, {2} the second.',
      },
    );
  }
  return { position, rest: pattern.split('.')[position] === '>' };
}

/** The template as a pattern: every {n} becomes "*". */
export function templatePattern(template: string): string {
  return template
    .split('.')
    .map((token) => (token.includes('{') ? '*' : token))
    .join('.');
}
