/** Subjects as users write them, and templates over a subject's wildcards ("recon.{1}"). */

import { patternCovers, patternsOverlap, templatePattern } from '#model';

/** NATS takes longer ones, but each token is also part of consumer filters, keys and file names. */
const subjectCharsMax = 256;
const tokensMax = 16;

const literalToken = /^[A-Za-z0-9_=@:/-]+$/;
const placeholder = /^\{(\d+)\}$/;

/** Why a text is no subject (wildcards allowed), or undefined where it is one. */
export function subjectProblem(subject: string): string | undefined {
  const tokens = subject.split('.');
  const size = sizeProblem(subject, tokens);
  if (size) return size;
  const wrong = tokens.findIndex((token, at) => {
    if (token === '>') return at !== tokens.length - 1;
    return token !== '*' && !literalToken.test(token);
  });
  if (wrong < 0) return undefined;
  if (tokens[wrong] === '') return `subject "${subject}" has an empty token`;
  return `subject "${subject}" cannot hold the token "${tokens[wrong]}"`;
}

/** Why a text is no template over the wildcards of `subject`, or undefined. */
export function templateProblem(template: string, subject: string): string | undefined {
  const tokens = template.split('.');
  const size = sizeProblem(template, tokens);
  if (size) return size;
  const wildcards = countWildcards(subject);
  for (const token of tokens) {
    const number = Number(placeholder.exec(token)?.[1] ?? Number.NaN);
    if (Number.isNaN(number)) {
      if (token === '') return `"${template}" has an empty token`;
      if (!literalToken.test(token))
        return `"${template}" cannot hold the token "${token}"; "{1}" stands for the first "*"`;
    } else if (number < 1 || number > wildcards) {
      return `"${token}" has no counterpart: subject "${subject}" has ${wildcards} "*"`;
    }
  }
  return undefined;
}

/** Numbers of a template's placeholders. */
export function placeholders(template: string): number[] {
  return template.split('.').flatMap((token) => {
    const match = placeholder.exec(token);
    return match ? [Number(match[1])] : [];
  });
}

/** True where one published subject could match both; a template's placeholders count as "*". */
export function subjectsOverlap(one: string, other: string): boolean {
  return patternsOverlap(templatePattern(one), templatePattern(other));
}

/** Why the events of `narrow` are not all among those of `wide`, or undefined where they are. */
export function subjectWithin(narrow: string, wide: string): string | undefined {
  return patternCovers(wide, narrow) ? undefined : `"${narrow}" is not within "${wide}"`;
}

function countWildcards(subject: string): number {
  return subject.split('.').filter((token) => token === '*').length;
}

function sizeProblem(text: string, tokens: readonly string[]): string | undefined {
  if (text.length > subjectCharsMax) return `"${text.slice(0, 40)}..." is longer than ${subjectCharsMax} characters`;
  return tokens.length > tokensMax ? `"${text}" has more than ${tokensMax} tokens` : undefined;
}
