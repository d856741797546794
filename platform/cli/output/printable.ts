/**
 * What others wrote (functions in their logs and errors, callers in what they send) is shown and not obeyed: codes that
 * move the cursor, set a title, or turn the direction of text around are written as JSON writes them, so that they stay
 * valid in JSON, too.
 */

/** C0 and C1 but for line breaks and tabs, and what reorders text (Unicode TR 36). */
const obeyed = /(?![\n\t])\p{Cc}|[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

export function printable(text: string): string {
  return text.replaceAll(obeyed, escaped);
}

/** For what has to stay in its line and its column. */
export function printableCell(text: string): string {
  return printable(text).replaceAll(/[\n\t]/g, escaped);
}

/** A text of several lines that cannot be taken for further entries: its later lines are indented. */
export function printableEntry(text: string): string {
  return printable(text).replaceAll('\n', '\n  ');
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
