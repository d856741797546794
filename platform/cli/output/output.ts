/**
 * All that commands print. Data goes to stdout in the chosen format, everything else to stderr. A terminal gets aligned
 * columns, a pipe gets tabs; lists are `{items: [...]}` in JSON and YAML. Whatever a program reads begins with the version
 * of its shape: within `v1` keys are added, and none is removed, renamed or given another type.
 */
import { stripVTControlCharacters, styleText } from 'node:util';
import type { CliContext, CliStream } from '../context.ts';
import { printable, printableCell, printableEntry } from './printable.ts';
import { progressLineOf } from './progress-line.ts';

export const outputFormats = ['table', 'wide', 'json', 'yaml', 'name'] as const;
/** The first key of every JSON and YAML document, and of every line where one object stands on each. */
export const apiVersion = 'pilotfish/v1';

export type OutputFormat = (typeof outputFormats)[number];

export type Style = 'red' | 'yellow' | 'green';

export interface Column<T> {
  readonly title: string;
  readonly text: (item: T) => string;
  readonly style?: (item: T) => Style;
  /** Shown with `-o wide` only. */
  readonly wide?: boolean;
}

export interface ListView<T> {
  readonly columns: readonly Column<T>[];
  readonly name: (item: T) => string;
  /** The stable shape for JSON and YAML. */
  readonly plain: (item: T) => object;
  /** Said on stderr where there is nothing to list. */
  readonly empty: string;
}

/** A heading with aligned rows below it. */
export interface PageSection {
  readonly title: string;
  readonly rows: readonly (readonly string[])[];
}

export class Output {
  readonly format: OutputFormat;
  readonly #context: CliContext;

  constructor(context: CliContext, format: OutputFormat) {
    this.#context = context;
    this.format = format;
  }

  /** True where a machine reads: what is printed has a stable shape. */
  get isStructured(): boolean {
    return this.format === 'json' || this.format === 'yaml';
  }

  get isTerminal(): boolean {
    return this.#context.stdout.isTTY === true;
  }

  /** A line for people, on stderr; its first word may be marked by a colour. */
  note(text: string, mark?: { readonly style: Style; readonly word: string }): void {
    const { stderr } = this.#context;
    const word = mark ? `${paint(this.#context, stderr, mark.style, printable(mark.word))} ` : '';
    progressLineOf(this.#context).hide();
    stderr.write(`${word}${printable(text)}\n`);
  }

  /** Says what is waited for, until it is disposed of. A text that is a function is asked each time it is shown. */
  waiting(text: string | (() => string), { blocks = false } = {}): Disposable {
    return progressLineOf(this.#context).begin(text, blocks);
  }

  /** A line of data. */
  line(text: string): void {
    this.#write(`${printable(text)}\n`);
  }

  /** What a shell wants the bare name of: `id=$(pilotfish up)`. Machines that ask for JSON are told more. */
  async bare(name: string, plain: object): Promise<void> {
    if (this.isStructured) await this.#structured(plain);
    else this.line(name);
  }

  /** The same for several, a name on each line. */
  async bareList<T>(items: readonly T[], { name, plain }: Pick<ListView<T>, 'name' | 'plain'>): Promise<void> {
    if (this.isStructured) await this.#structured({ items: items.map(plain) });
    else for (const item of items) this.line(name(item));
  }

  /** One of many that come one by one: a JSON object on a line of its own, which YAML takes for a document, or a line for people. */
  entry(plain: object, text: string): void {
    if (!this.isStructured) this.line(text);
    else this.line(`${this.format === 'yaml' ? '--- ' : ''}${jsonLine(plain)}`);
  }

  /** Bytes exactly as they are; on a terminal, which would obey some of them, as text. */
  bytes(data: Uint8Array): Promise<void> {
    const shown = this.isTerminal ? printable(Buffer.from(data).toString('utf8')) : data;
    progressLineOf(this.#context).hide();
    return new Promise((resolve, reject) => {
      this.#context.stdout.write(shown, (error) => (error ? reject(error) : resolve()));
    });
  }

  async list<T>(items: readonly T[], view: ListView<T>): Promise<void> {
    if (this.isStructured) {
      await this.#structured({ items: items.map(view.plain) });
    } else if (this.format === 'name') {
      for (const item of items) this.line(view.name(item));
    } else if (items.length === 0) {
      this.note(view.empty);
    } else {
      this.#columns(items, view);
    }
  }

  #columns<T>(items: readonly T[], view: ListView<T>): void {
    const columns = view.columns.filter(({ wide }) => this.format === 'wide' || wide !== true);
    const cellOf = ({ text, style }: Column<T>, item: T) => {
      const cell = printableCell(text(item));
      if (!style) return cell;
      return paint(this.#context, this.#context.stdout, style(item), cell);
    };
    this.#rows([columns.map(({ title }) => title), ...items.map((item) => columns.map((each) => cellOf(each, item)))]);
  }

  /** One thing: `name` for `-o name`, `rows` (key, value) for people, `plain` for machines. */
  async one(name: string, plain: object, rows: readonly (readonly [string, string])[]): Promise<void> {
    if (this.isStructured) await this.#structured(plain);
    else if (this.format === 'name') this.line(name);
    else this.#rows(rows.map((row) => row.map(printableEntry)));
  }

  /** One thing told at length; for people in a pipe, too: machines take JSON. A section without rows says "none". */
  async page(name: string, plain: object, page: { title: string; sections: readonly PageSection[] }): Promise<void> {
    if (this.isStructured) return await this.#structured(plain);
    if (this.format === 'name') return this.line(name);
    this.line(page.title);
    for (const { title, rows } of page.sections) {
      this.line(`\n${title}`);
      for (const text of alignedRows(rows.length === 0 ? [['none']] : rows)) this.line(`  ${printableEntry(text)}`);
    }
  }

  /** Aligned on a terminal, tabs in a pipe; the cells are printable. */
  #rows(rows: readonly (readonly string[])[]): void {
    const lines = this.isTerminal ? alignedRows(rows) : rows.map((row) => row.join('	'));
    this.#write(lines.map((text) => `${text}\n`).join(''));
  }

  async #structured(shape: object): Promise<void> {
    const value = { apiVersion, ...shape };
    const text =
      this.format === 'json' ? `${JSON.stringify(value, null, 2)}\n` : (await import('./yaml-text.ts')).yamlText(value);
    this.#write(printable(text));
  }

  #write(text: string): void {
    progressLineOf(this.#context).hide();
    this.#context.stdout.write(text);
  }
}

export function jsonLine(plain: object): string {
  return JSON.stringify({ apiVersion, ...plain });
}

function alignedRows(rows: readonly (readonly string[])[]): string[] {
  // Escape codes have a length but no width.
  const widthOf = (cell: string) => stripVTControlCharacters(cell).length;
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, widthOf(cell));
  return rows.map((row) =>
    row
      .map((cell, at) => `${cell}${' '.repeat((widths[at] ?? 0) - widthOf(cell))}`)
      .join('  ')
      .trimEnd(),
  );
}

/** Coloured where the stream is a terminal and neither NO_COLOR nor TERM=dumb asks for plain text. */
export function paint(context: CliContext, stream: CliStream, style: Style, text: string): string {
  const plain = stream.isTTY !== true || context.env['NO_COLOR'] || context.env['TERM'] === 'dumb';
  return plain ? text : styleText(style, text, { validateStream: false });
}

/** "3m", "2h", "5d": ages for people. */
export function ageText(sinceMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - sinceMs) / 1_000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

/** 12,345 */
export function countText(value: number): string {
  return value.toLocaleString('en-US');
}
