/** A cell of a table for spreadsheets; names and keys in it are whatever somebody has sent. Pure. */

/** RFC 4180, and an apostrophe before what begins like a formula (OWASP, "CSV injection"); numbers stay numbers. */
export function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '';
  const text = String(value);
  const plain = /^\s*[=+\-@|]|^[\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) || plain !== text ? `"${plain.replaceAll('"', '""')}"` : plain;
}
