/** What the schema library finds wrong with a value, in the words of our other messages: `"replay" must be more than 0`. */
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of keys',
  record: 'a map of keys',
  null: 'empty',
};

/** How messages begin that no schema of ours has given. */
const unnamed = 'Invalid input: ';

/** Goes after the name of what is wrong. */
export function issueText(issue: Issue): string {
  switch (issue.code) {
    case 'too_small':
      return `must ${verbOf(issue.origin)} ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}${unitOf(issue.origin)}`;
    case 'too_big':
      return `must ${verbOf(issue.origin)} ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}${unitOf(issue.origin)}`;
    case 'invalid_value':
      return `must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'invalid_type':
      return issue.message.startsWith(unnamed) ? typeText(issue.expected, issue.message) : issue.message;
    case 'invalid_union':
      return unionText(issue.errors);
    case 'invalid_format':
      return issue.message;
    default:
      return issue.message.replace(unnamed, '');
  }
}

function typeText(expected: string, message: string): string {
  const received = receivedIn(message);
  if (received === 'undefined') return 'is missing';
  // A number that is none of the whole ones: to name it a number would say nothing.
  const instead = expected === 'int' && received === 'number' ? '' : `, not ${named(received)}`;
  return `must be ${named(expected)}${instead}`;
}

/** Of a value that is none of several kinds. */
function unionText(errors: readonly (readonly Issue[])[]): string {
  const kinds = errors.flatMap(([first]) => (first?.code === 'invalid_type' ? [named(first.expected)] : []));
  return kinds.length === errors.length ? `must be ${kinds.join(' or ')}` : 'is none of what may stand here';
}

/** The library says what it was given in its message only. */
function receivedIn(message: string): string {
  return /received (\w+)/.exec(message)?.[1] ?? '';
}

function named(type: string): string {
  return typeNames[type] ?? type;
}

function verbOf(origin: string): string {
  return origin === 'number' || origin === 'int' ? 'be' : 'have';
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'number' || origin === 'int' ? '' : ' entries';
}
