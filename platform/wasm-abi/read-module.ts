/** Reads of a WebAssembly binary what the JavaScript API does not tell: function types, and the limits of its memory. */

export interface WasmMemory {
  /** Pages of 64 KiB. */
  readonly initialPages: number;
  readonly maximumPages: number | undefined;
  readonly shared: boolean;
  readonly is64: boolean;
}

export interface WasmImport {
  readonly module: string;
  readonly name: string;
  /** Of a function, "(i32 i32) -> i64"; else what it is: "memory", "table", "global", "tag". */
  readonly type: string;
}

export interface WasmModuleFacts {
  readonly imports: readonly WasmImport[];
  /** By name; functions by their type, others by what they are. */
  readonly exports: ReadonlyMap<string, string>;
  /** Defined or imported; undefined for a module without. */
  readonly memory: WasmMemory | undefined;
}

/** Ids of the sections that are read (WebAssembly core specification 2.0, section 5.5.2). */
const sections = { type: 1, import: 2, function: 3, memory: 5, export: 7, code: 10 } as const;
const kinds = ['function', 'table', 'memory', 'global', 'tag'] as const;
const valueTypes: Readonly<Record<number, string>> = {
  127: 'i32',
  126: 'i64',
  125: 'f32',
  124: 'f64',
  123: 'v128',
  112: 'funcref',
  111: 'externref',
};

/** A module that V8 has validated; throws RangeError for one that is cut off. */
export function readWasmModule(bytes: Uint8Array): WasmModuleFacts {
  const reader = new BinaryReader(bytes, 8);
  const types: string[] = [];
  const functions: string[] = [];
  const imports: WasmImport[] = [];
  const exports = new Map<string, string>();
  let memory: WasmMemory | undefined;
  while (!reader.atEnd) {
    const id = reader.byte();
    const end = reader.unsigned() + reader.at;
    switch (id) {
      case sections.type:
        reader.repeat(() => types.push(readFunctionType(reader)));
        break;
      case sections.import:
        reader.repeat(() => {
          const named = { module: reader.name(), name: reader.name() };
          const kind = reader.byte();
          const type = readImportType(reader, kind, types);
          if (type.memory) memory = type.memory;
          if (kind === 0) functions.push(type.text);
          imports.push({ ...named, type: type.text });
        });
        break;
      case sections.function:
        reader.repeat(() => functions.push(types[reader.unsigned()] ?? 'unknown'));
        break;
      case sections.memory:
        reader.repeat(() => {
          memory ??= readMemory(reader);
        });
        break;
      case sections.export:
        reader.repeat(() => {
          const name = reader.name();
          const kind = reader.byte();
          const index = reader.unsigned();
          exports.set(name, kind === 0 ? (functions[index] ?? 'unknown') : (kinds[kind] ?? 'unknown'));
        });
    }
    reader.at = end;
  }
  return { imports, exports, memory };
}

/** Where each function's body lies in the module's bytes, its end excluded, in their order. */
export function functionBodies(bytes: Uint8Array): { readonly from: number; readonly to: number }[] {
  const bodies: { from: number; to: number }[] = [];
  const reader = new BinaryReader(bytes, 8);
  while (!reader.atEnd) {
    const id = reader.byte();
    const end = reader.unsigned() + reader.at;
    if (id === sections.code) {
      reader.repeat(() => {
        const length = reader.unsigned();
        bodies.push({ from: reader.at, to: reader.at + length });
        reader.at += length;
      });
    }
    reader.at = end;
  }
  return bodies;
}

/** Types that we cannot name (garbage-collected ones) are "unknown"; no ABI of ours has any. */
function readFunctionType(reader: BinaryReader): string {
  const form = reader.byte();
  if (form !== 0x60) throw new RangeError(`type form ${form} is not supported`);
  const list = () => {
    const names: string[] = [];
    reader.repeat(() => names.push(valueTypes[reader.byte()] ?? 'unknown'));
    return names.join(' ');
  };
  return `(${list()}) -> ${list() || 'nothing'}`;
}

function readImportType(
  reader: BinaryReader,
  kind: number,
  types: readonly string[],
): { text: string; memory?: WasmMemory } {
  switch (kinds[kind]) {
    case 'function':
      return { text: types[reader.unsigned()] ?? 'unknown' };
    case 'memory':
      return { text: 'memory', memory: readMemory(reader) };
    case 'table':
      reader.byte();
      readLimits(reader);
      return { text: 'table' };
    case 'global':
      reader.byte();
      reader.byte();
      return { text: 'global' };
    default:
      reader.byte();
      reader.unsigned();
      return { text: kinds[kind] ?? 'unknown' };
  }
}

function readMemory(reader: BinaryReader): WasmMemory {
  const { flags, minimum, maximum } = readLimits(reader);
  return {
    initialPages: minimum,
    maximumPages: maximum,
    shared: (flags & 0x02) !== 0,
    is64: (flags & 0x04) !== 0,
  };
}

function readLimits(reader: BinaryReader): { flags: number; minimum: number; maximum: number | undefined } {
  const flags = reader.byte();
  const minimum = reader.unsigned();
  return { flags, minimum, maximum: (flags & 0x01) === 0 ? undefined : reader.unsigned() };
}

class BinaryReader {
  at: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  get atEnd(): boolean {
    return this.at >= this.#bytes.length;
  }

  byte(): number {
    const value = this.#bytes[this.at++];
    if (value === undefined) throw new RangeError('the module is cut off');
    return value;
  }

  /** Unsigned LEB128; numbers past 2^53 lose their last bits, which only limits of memory64 reach. */
  unsigned(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if ((byte & 0x80) === 0) return value;
    }
    throw new RangeError('a number of the module is too long');
  }

  name(): string {
    const length = this.unsigned();
    const end = this.at + length;
    if (end > this.#bytes.length) throw new RangeError('the module is cut off');
    const text = new TextDecoder().decode(this.#bytes.subarray(this.at, end));
    this.at = end;
    return text;
  }

  repeat(read: () => void): void {
    for (let left = this.unsigned(); left > 0; left--) read();
  }
}
