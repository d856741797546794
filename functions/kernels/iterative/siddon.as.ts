// Rays through slices that lie interleaved: the values of one cell for 4, 8 or 16 slices are neighbours, so a ray is traced once for all of
// them (ray.as.ts). iterative.ts says what is computed and why.
import { configureRays, pieceBytes, pieces, trace } from './ray.as';

let cells: i32 = 0;
let detectorPixels: i32 = 0;
let lanes: i32 = 0;
let picture: usize = 0;
let update: usize = 0;
let weights: usize = 0;

/** What the passes below do with a ray. */
const multiply: i32 = 0;
const add: i32 = 1;

export function memoryStart(): usize {
  return (__heap_base + 63) & ~63;
}

/** `lanes_` is 4, 8 or 16, `pitch` the bytes from one row of the picture to the next; room as ray.as.ts asks for. */
export function configure(
  rows: i32, columns: i32, detectorPixels_: i32, lanes_: i32, pitch: i32,
  picture_: usize, update_: usize, weights_: usize, crossings: usize, pieces_: usize,
): void {
  configureRays(rows, columns, lanes_, pitch, crossings, pieces_);
  cells = rows * (pitch / (lanes_ << 2));
  detectorPixels = detectorPixels_;
  lanes = lanes_;
  picture = picture_;
  update = update_;
  weights = weights_;
}

/**
 * Takes all rays of one angle forward and back: `measured` holds `lanes` values a detector pixel, `offset` is rays.ts's rayOffset(). `method` 0 is
 * ML-EM, 1 SIRT, 2 back-projection alone. `weigh` adds each length to the cell's weight.
 */
export function project(measured: usize, cosine: f32, sine: f32, offset: f32, method: i32, weigh: bool): void {
  const first = f32(detectorPixels - 1) * -0.5;
  for (let pixel = 0; pixel < detectorPixels; pixel++, measured += lanes << 2) {
    const end = trace(first + f32(pixel) + offset, cosine, sine);
    if (end == pieces) continue;
    if (weigh) addWeights(end);
    const scale = method == add ? <f32>1 / squares(end) : 0;
    if (lanes == 16) project16(measured, end, method, scale);
    else if (lanes == 8) project8(measured, end, method, scale);
    else project4(measured, end, method, scale);
  }
}

/** Changes the picture by what `project` gathered, and clears that. */
export function apply(method: i32): void {
  let at: usize = 0;
  for (let cell = 0; cell < cells; cell++) {
    const weight = f32.load(weights + (cell << 2));
    const end = at + (lanes << 2);
    const scale = f32x4.splat(method > add ? 1 : 1 / weight);
    for (; at < end; at += 16) {
      const change = f32x4.mul(v128.load(update + at), scale);
      const value = v128.load(picture + at);
      v128.store(update + at, f32x4.splat(0));
      if (weight == 0 && method <= add) continue;
      v128.store(picture + at, method == multiply ? f32x4.mul(value, change) : f32x4.add(value, change));
    }
  }
}

function squares(end: usize): f32 {
  let sum: f32 = 0;
  for (let at = pieces; at < end; at += pieceBytes) sum += f32.load(at, 4) * f32.load(at, 4);
  return sum;
}

function addWeights(end: usize): void {
  // A cell takes `lanes` values of 4 bytes in the picture, and one of 4 bytes here.
  const shift = lanes == 16 ? 4 : lanes == 8 ? 3 : 2;
  for (let at = pieces; at < end; at += pieceBytes) {
    const cell = weights + (i32.load(at) >> shift);
    f32.store(cell, f32.load(cell) + f32.load(at, 4));
  }
}

/** What is smeared back along the ray: the ratio of measured and summed, 0 where either is not positive; the difference; or what was measured. */
// @ts-expect-error: decorators of AssemblyScript.
@inline
function factorOf(measured: v128, sum: v128, method: i32, scale: f32): v128 {
  if (method == multiply) {
    const positive = v128.and(f32x4.gt(sum, f32x4.splat(0)), f32x4.gt(measured, f32x4.splat(0)));
    return v128.and(f32x4.div(measured, sum), positive);
  }
  return method == add ? f32x4.mul(f32x4.sub(measured, sum), f32x4.splat(scale)) : measured;
}

// @ts-expect-error: decorators of AssemblyScript.
@inline
function gather(sum: v128, at: usize, cell: usize): v128 {
  return f32x4.add(sum, f32x4.mul(v128.load(cell), v128.load32_splat(at, 4)));
}

// @ts-expect-error: decorators of AssemblyScript.
@inline
function smear(cell: usize, change: v128): void {
  v128.store(cell, f32x4.add(v128.load(cell), change));
}

function project4(measured: usize, end: usize, method: i32, scale: f32): void {
  // Four sums, because each waits for its last addition.
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let at = pieces;
  for (; at + 3 * pieceBytes < end; at += 4 * pieceBytes) {
    a = gather(a, at, picture + i32.load(at));
    b = gather(b, at + 8, picture + i32.load(at, 8));
    c = gather(c, at + 16, picture + i32.load(at, 16));
    d = gather(d, at + 24, picture + i32.load(at, 24));
  }
  for (; at < end; at += pieceBytes) a = gather(a, at, picture + i32.load(at));
  const factor = factorOf(v128.load(measured), f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), method, scale);
  // Four at a time: WebAssembly asks in each round of a loop whether it shall stop.
  for (at = pieces; at + 3 * pieceBytes < end; at += 4 * pieceBytes) {
    smear(update + i32.load(at), f32x4.mul(factor, v128.load32_splat(at, 4)));
    smear(update + i32.load(at, 8), f32x4.mul(factor, v128.load32_splat(at, 12)));
    smear(update + i32.load(at, 16), f32x4.mul(factor, v128.load32_splat(at, 20)));
    smear(update + i32.load(at, 24), f32x4.mul(factor, v128.load32_splat(at, 28)));
  }
  for (; at < end; at += pieceBytes) smear(update + i32.load(at), f32x4.mul(factor, v128.load32_splat(at, 4)));
}

function project8(measured: usize, end: usize, method: i32, scale: f32): void {
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let at = pieces;
  for (; at + pieceBytes < end; at += 2 * pieceBytes) {
    const cell = picture + i32.load(at);
    const next = picture + i32.load(at, 8);
    a = gather(a, at, cell);
    b = gather(b, at, cell + 16);
    c = gather(c, at + 8, next);
    d = gather(d, at + 8, next + 16);
  }
  if (at < end) {
    const cell = picture + i32.load(at);
    a = gather(a, at, cell);
    b = gather(b, at, cell + 16);
  }
  const first = factorOf(v128.load(measured), f32x4.add(a, c), method, scale);
  const second = factorOf(v128.load(measured, 16), f32x4.add(b, d), method, scale);
  for (at = pieces; at < end; at += pieceBytes) {
    const cell = update + i32.load(at);
    const length = v128.load32_splat(at, 4);
    smear(cell, f32x4.mul(first, length));
    smear(cell + 16, f32x4.mul(second, length));
  }
}

function project16(measured: usize, end: usize, method: i32, scale: f32): void {
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  for (let at = pieces; at < end; at += pieceBytes) {
    const cell = picture + i32.load(at);
    a = gather(a, at, cell);
    b = gather(b, at, cell + 16);
    c = gather(c, at, cell + 32);
    d = gather(d, at, cell + 48);
  }
  a = factorOf(v128.load(measured), a, method, scale);
  b = factorOf(v128.load(measured, 16), b, method, scale);
  c = factorOf(v128.load(measured, 32), c, method, scale);
  d = factorOf(v128.load(measured, 48), d, method, scale);
  for (let at = pieces; at < end; at += pieceBytes) {
    const cell = update + i32.load(at);
    const length = v128.load32_splat(at, 4);
    smear(cell, f32x4.mul(a, length));
    smear(cell + 16, f32x4.mul(b, length));
    smear(cell + 32, f32x4.mul(c, length));
    smear(cell + 48, f32x4.mul(d, length));
  }
}
