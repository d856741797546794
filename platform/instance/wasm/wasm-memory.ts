/** The module's memory with every pointer checked: what a module gets wrong is its own error, with a name. */
import { PlatformError } from '#common';

/** Web Crypto fills no more at once. */
const randomBytesMax = 65_536;

const decoder = new TextDecoder();

export class WasmMemory {
  #memory: WebAssembly.Memory | undefined;

  attach(memory: WebAssembly.Memory): void {
    this.#memory = memory;
  }

  get bytes(): number {
    return this.#memory?.buffer.byteLength ?? 0;
  }

  /** Valid until the module runs again: growing moves its memory. Throws for what lies outside, naming who gave it. */
  view(pointer: number, length: number, from: string): Uint8Array {
    const start = pointer >>> 0;
    const bytes = length >>> 0;
    if (start + bytes > this.bytes || !this.#memory) {
      throw new PlatformError(
        'function-failed',
        `${from} names ${bytes} bytes at ${start}, outside of the module's memory of ${this.bytes} bytes`,
      );
    }
    return new Uint8Array(this.#memory.buffer, start, bytes);
  }

  write(pointer: number, data: Uint8Array, from: string): void {
    this.view(pointer, data.length, from).set(data);
  }

  text(pointer: number, length: number, from: string): string {
    return decoder.decode(this.view(pointer, length, from));
  }

  setUint32(pointer: number, value: number, from: string): void {
    const at = this.view(pointer, 4, from);
    new DataView(at.buffer, at.byteOffset, 4).setUint32(0, value, true);
  }

  getUint32(pointer: number, from: string): number {
    const at = this.view(pointer, 4, from);
    return new DataView(at.buffer, at.byteOffset, 4).getUint32(0, true);
  }

  fillRandom(pointer: number, length: number, from: string): void {
    const target = this.view(pointer, length, from);
    for (let at = 0; at < target.length; at += randomBytesMax)
      crypto.getRandomValues(target.subarray(at, at + randomBytesMax));
  }

  setUint64(pointer: number, value: bigint, from: string): void {
    const at = this.view(pointer, 8, from);
    new DataView(at.buffer, at.byteOffset, 8).setBigUint64(0, value, true);
  }
}
