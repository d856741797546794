/** Room for a result, without what comes before the first value is written. */

/**
 * So many numbers, of whatever value: for those who write each one. Zeros first cost a fast reconstruction 7 % of its time.
 */
export function unwrittenValues(count: number): Float32Array<ArrayBuffer> {
  return new Float32Array(Buffer.allocUnsafeSlow(count * Float32Array.BYTES_PER_ELEMENT).buffer);
}
