/**
 * Ascending stream sequences as the varints of their differences in base64: one to two bytes a part while scans
 * interleave, where JSON numbers would take eight (G4, G11).
 */
import { PlatformError } from '#common';

export class SequenceEncoder {
  #bytes = new Uint8Array(64);
  #length = 0;
  #last = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get last(): number {
    return this.#last;
  }

  /** `sequence` must be larger than the one before; up to 2^53 - 1. */
  push(sequence: number): void {
    let rest = sequence - this.#last;
    if (rest <= 0) throw new PlatformError('internal', `sequence ${sequence} comes after ${this.#last}`);
    // A difference takes 8 bytes at most.
    if (this.#length + 8 > this.#bytes.length) this.#grow();
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) + 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
    this.#last = sequence;
    this.#count++;
  }

  encode(): string {
    return Buffer.from(this.#bytes.buffer, 0, this.#length).toString('base64');
  }

  #grow(): void {
    const bytes = new Uint8Array(this.#bytes.length * 2);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}

/** The sequences again, ascending. Throws `corrupt` for text that no encoder wrote. */
export function decodeSequences(text: string, countMax: number): number[] {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw corrupt('it is not base64');
  const sequences: number[] = [];
  let sequence = 0;
  let difference = 0;
  let factor = 1;
  for (const byte of bytes) {
    difference += (byte & 0x7f) * factor;
    if (byte >= 0x80) {
      factor *= 0x80;
      continue;
    }
    sequence += difference;
    if (difference === 0 || !Number.isSafeInteger(sequence))
      throw corrupt('its differences are not those of sequences');
    sequences.push(sequence);
    if (sequences.length > countMax) throw corrupt(`it lists more than ${countMax}`);
    difference = 0;
    factor = 1;
  }
  if (factor !== 1) throw corrupt('it is cut short');
  return sequences;
}

function corrupt(why: string): PlatformError {
  return new PlatformError('corrupt', `a list of sequences cannot be read: ${why}`);
}
