/** Gives a module a name of its own: V8 shows it in the stacks of traps, and without one they say a hash of its bytes. */

/** In a bundle's source map: the maps of the modules that it imports, by their names. */
export const moduleMapsField = 'x_pilotfish_modules';

const customSection = 0;
/** Of the section "name": the module's own name comes first, if at all (WebAssembly core specification 2.0, section 7.4.1). */
const moduleNameSubsection = 0;
const headerBytes = 8;
const sectionName = Buffer.from('\x04name');

/** A copy whose name is `name`; what names its functions stays. Only for a module that V8 has validated or will. */
export function nameModule(module: Uint8Array, name: string): Uint8Array<ArrayBuffer> {
  const text = Buffer.from(name);
  const subsection = sized(moduleNameSubsection, Buffer.concat([unsigned(text.length), text]));
  let at = headerBytes;
  while (at < module.length) {
    const id = module[at];
    const { value: length, next } = readUnsigned(module, at + 1);
    const end = next + length;
    const content = module.subarray(next, end);
    if (id === customSection && sectionName.equals(content.subarray(0, sectionName.length))) {
      const others = withoutModuleName(content.subarray(sectionName.length));
      const section = sized(customSection, Buffer.concat([sectionName, subsection, others]));
      return joined(module.subarray(0, at), section, module.subarray(end));
    }
    at = end;
  }
  return joined(module, sized(customSection, Buffer.concat([sectionName, subsection])));
}

function withoutModuleName(subsections: Uint8Array): Uint8Array {
  if (subsections[0] !== moduleNameSubsection) return subsections;
  const { value: length, next } = readUnsigned(subsections, 1);
  return subsections.subarray(next + length);
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}

function sized(id: number, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(id), unsigned(content.length), content]);
}

/** LEB128. */
function unsigned(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.of(...bytes, left);
    bytes.push((left % 128) + 128);
  }
}

function readUnsigned(bytes: Uint8Array, from: number): { value: number; next: number } {
  let value = 0;
  let at = from;
  for (let factor = 1; at < bytes.length; factor *= 128) {
    const byte = bytes[at++] ?? 0;
    value += (byte % 128) * factor;
    if (byte < 128) break;
  }
  return { value, next: at };
}
