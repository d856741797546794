// The WebAssembly JavaScript API as Node has it, for functions that import a kernel and for projects made by `pilotfish init`: the
// browser's library has it too, but with a hundred globals that Node has not.
// biome-ignore lint/style/noNamespace: the standard's own name for them.
declare namespace WebAssembly {
  type ImportExportKind = 'function' | 'table' | 'memory' | 'global' | 'tag';
  interface ModuleExportDescriptor {
    readonly name: string;
    readonly kind: ImportExportKind;
  }
  interface ModuleImportDescriptor extends ModuleExportDescriptor {
    readonly module: string;
  }
  // biome-ignore lint/suspicious/noExplicitAny: what a module exports, its author knows and TypeScript cannot.
  type Exports = Record<string, any>;
  type Imports = Record<string, Record<string, unknown>>;
  type Bytes = ArrayBufferView | ArrayBuffer;

  class Module {
    constructor(bytes: Bytes);
    static exports(module: Module): ModuleExportDescriptor[];
    static imports(module: Module): ModuleImportDescriptor[];
    static customSections(module: Module, name: string): ArrayBuffer[];
  }
  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }
  class Memory {
    constructor(descriptor: { readonly initial: number; readonly maximum?: number; readonly shared?: boolean });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class Table {
    constructor(descriptor: {
      readonly element: 'anyfunc' | 'externref';
      readonly initial: number;
      readonly maximum?: number;
    });
    readonly length: number;
    get(index: number): unknown;
    set(index: number, value?: unknown): void;
    grow(by: number, value?: unknown): number;
  }
  class Global {
    constructor(
      descriptor: { readonly value: 'i32' | 'i64' | 'f32' | 'f64' | 'externref'; readonly mutable?: boolean },
      value?: unknown,
    );
    // biome-ignore lint/suspicious/noExplicitAny: a number or a bigint, as the descriptor says.
    value: any;
    valueOf(): unknown;
  }
  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}
  function validate(bytes: Bytes): boolean;
  function compile(bytes: Bytes): Promise<Module>;
  function instantiate(module: Module, imports?: Imports): Promise<Instance>;
  function instantiate(bytes: Bytes, imports?: Imports): Promise<{ module: Module; instance: Instance }>;
}
