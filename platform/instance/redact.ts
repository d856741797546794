/** Cuts the values of secrets out of what leaves the instance as text: log lines, errors, stacks. */

/** Shorter values are words of every text: cutting them out would hide nothing and garble all. */
const secretCharsMin = 4;

export type Redact = (text: string) => string;

/** The longest value first, so that one that contains another is cut whole. */
export function redactor(secrets: Readonly<Record<string, string>>): Redact {
  const known = Object.entries(secrets)
    .filter(([, value]) => value.length >= secretCharsMin)
    .sort(([, a], [, b]) => b.length - a.length);
  if (known.length === 0) return (text) => text;
  return (text) => known.reduce((cut, [name, value]) => cut.replaceAll(value, `[secret ${name}]`), text);
}
