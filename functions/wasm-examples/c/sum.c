// Adds up a frame of f32 values: the answer is one f64. An example of ABI v1 (platform/instance/ABI.md) in C, without a library.

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

__attribute__((import_module("pilotfish"), import_name("fail"))) void fail(int kind, const void *text, u32 length);

enum { reject = 1, frame_bytes_max = 16 * 1024 * 1024 };

static u8 frame[frame_bytes_max] __attribute__((aligned(16)));
static double sum;

u32 alloc(u32 length) { return length <= frame_bytes_max ? (u32)frame : 0; }

u64 handle(u32 pointer, u32 length) {
  static const char odd[] = "a frame is f32 values";
  if (length % 4) {
    fail(reject, odd, sizeof odd - 1);
    return 0;
  }
  const float *values = (const float *)pointer;
  sum = 0;
  for (u32 at = 0; at < length / 4; at++) sum += values[at];
  return (u64)(u32)&sum << 32 | sizeof sum;
}
