// Scales a frame of f32 values to 0..1, four values at a time. An example of ABI v1 (platform/instance/ABI.md) in AssemblyScript.

// @ts-expect-error: decorators of AssemblyScript.
@external('pilotfish', 'fail')
declare function fail(kind: i32, pointer: usize, length: i32): void;

/** Second kind of `fail`: never to be tried again. */
const reject: i32 = 1;

/** Of the last event, used again when the next one fits. */
let buffer: usize = 0;
let capacity: i32 = 0;

export function alloc(length: i32): usize {
  if (length > capacity) {
    if (buffer != 0) heap.free(buffer);
    buffer = heap.alloc(length);
    capacity = length;
  }
  return buffer;
}

export function handle(pointer: usize, length: i32): u64 {
  if (length % 4 != 0) {
    const message = String.UTF8.encode(`a frame is f32 values, and ${length} bytes are not a multiple of 4`);
    fail(reject, changetype<usize>(message), message.byteLength);
    return 0;
  }
  scale(pointer, length);
  // The frame is changed where it lies: its bytes are the result.
  return ((pointer as u64) << 32) | (length as u64);
}

function scale(pointer: usize, length: i32): void {
  const end = pointer + length;
  const vectorEnd = pointer + (length & ~15);
  let least = f32.MAX_VALUE;
  let most = -f32.MAX_VALUE;
  for (let at = pointer; at < end; at += 4) {
    const value = load<f32>(at);
    least = min(least, value);
    most = max(most, value);
  }
  const factor: f32 = most > least ? 1 / (most - least) : 0;
  const offsets = f32x4.splat(least);
  const factors = f32x4.splat(factor);
  let at = pointer;
  for (; at < vectorEnd; at += 16) v128.store(at, f32x4.mul(f32x4.sub(v128.load(at), offsets), factors));
  for (; at < end; at += 4) store<f32>(at, (load<f32>(at) - least) * factor);
}
