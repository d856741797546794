// AssemblyScript, compiled to WASM by `pilotfish deploy`. The contract is platform/instance/ABI.md: alloc and handle.

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

/** Turns small letters into capital ones, where they lie: pointer in the high 32 bits, length in the low ones. */
export function handle(pointer: usize, length: i32): u64 {
  for (let at = pointer; at < pointer + length; at++) {
    const letter = load<u8>(at);
    if (letter >= 97 && letter <= 122) store<u8>(at, letter - 32);
  }
  return ((pointer as u64) << 32) | (length as u64);
}
