/** Large bodies as files between agent and instance: both ends, without the processes. */
import { execFileSync } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checksumOf } from '#claims';
import { bodyFileBytesMin, frameBytesMax, type ResultFileHeader, resultFileName } from '#frames';
import { BodyFiles } from '../../platform/agent/instances/body-files.ts';
import { PayloadFiles, ResultFiles } from '../../platform/instance/body-files.ts';

let folder: string;
let agent: BodyFiles;
let instance: ResultFiles;
let payloads: PayloadFiles;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-bodies-'));
  agent = new BodyFiles(folder);
  instance = new ResultFiles(folder);
  payloads = new PayloadFiles();
});

afterEach(() => {
  agent.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Bytes that differ from each other and from those of another seed. */
function bytesOf(length: number, seed: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) + seed) % 256));
}

describe('payloads', () => {
  it('come through whole, and a file serves again for a shorter one', () => {
    const long = bytesOf(3 * bodyFileBytesMin + 7, 1);
    const short = bytesOf(bodyFileBytesMin, 2);
    for (const body of [long, short]) {
      const used = agent.put(body);
      if (!used) throw new Error('no file');
      expect(Buffer.compare(payloads.read(used.path, body.length), body)).toBe(0);
      agent.release(used);
    }
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('are written over a kept file under marks of their own, and what it held before is never taken for them', () => {
    const first = bytesOf(2 * bodyFileBytesMin + 3, 1);
    const put = agent.begin(first);
    expect(put?.mark).toBeUndefined();
    if (put) agent.release(put.used);
    const marks = new Set<number | undefined>();
    for (const length of [first.length, bodyFileBytesMin, 2 * bodyFileBytesMin, first.length]) {
      const body = bytesOf(length, marks.size + 2);
      const growing = agent.begin(body);
      if (!growing) throw new Error('no file');
      marks.add(growing.mark);
      agent.grow(growing, body);
      expect(Buffer.compare(payloads.read(growing.used.path, length, growing.mark), body)).toBe(0);
      agent.release(growing.used);
    }
    expect([marks.size, marks.has(undefined)]).toEqual([4, false]);
    // One that the file has no pages for is there before anybody is told.
    const longer = bytesOf(4 * bodyFileBytesMin, 9);
    const whole = agent.begin(longer);
    expect(whole?.mark).toBeUndefined();
    expect(Buffer.compare(payloads.read(whole?.used.path ?? '', longer.length), longer)).toBe(0);
    expect(agent.begin(Buffer.alloc(10))).toBeUndefined();
  });

  it('that are in use at once lie in files of their own; two are kept, and none after the end', () => {
    const bodies = [1, 2, 3, 4].map((seed) => bytesOf(bodyFileBytesMin, seed));
    const used = bodies.map((body) => agent.put(body));
    for (const [at, body] of bodies.entries())
      expect(Buffer.compare(payloads.read(used[at]?.path ?? '', body.length), body)).toBe(0);
    for (const one of used) if (one) agent.release(one);
    expect(readdirSync(folder)).toHaveLength(2);
    agent.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('leave few files open, however many there were', () => {
    for (let seed = 0; seed < 10; seed++) {
      const path = join(folder, `other-${seed}`);
      writeFileSync(path, bytesOf(100, seed));
      expect(Buffer.compare(payloads.read(path, 100), bytesOf(100, seed))).toBe(0);
    }
    const open = readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
      } catch {
        // The one that this listing itself had open.
        return false;
      }
    });
    expect(open).toHaveLength(2);
  });

  it('that are small, or find no place, go through the socket', () => {
    expect(agent.put(Buffer.alloc(bodyFileBytesMin - 1))).toBeUndefined();
    rmSync(folder, { recursive: true });
    expect(agent.put(Buffer.alloc(bodyFileBytesMin))).toBeUndefined();
  });
});

describe('results', () => {
  it('come through whole; a third waits for none of the two files and goes through the socket', () => {
    const first = bytesOf(2 * bodyFileBytesMin, 1);
    const second = bytesOf(bodyFileBytesMin, 2);
    const left = [instance.put(first), instance.put(second)];
    expect(left).toEqual([
      { file: 0, length: first.length },
      { file: 1, length: second.length },
    ]);
    expect(instance.put(first)).toBeUndefined();
    for (const [at, body] of [first, second].entries()) {
      const one = left[at];
      if (one) expect(Buffer.compare(agent.take(one), body)).toBe(0);
    }
    instance.taken(1);
    expect(instance.put(second)).toEqual({ file: 1, length: second.length });
  });

  it('that become claimed payloads are left for good, some at a time, and the agent moves them away or reads them', () => {
    const claiming = new ResultFiles(folder, bodyFileBytesMin);
    const data = bytesOf(2 * bodyFileBytesMin, 1);
    expect(instance.leave(data)).toBeUndefined();
    expect(claiming.leave(bytesOf(bodyFileBytesMin, 1))).toBeUndefined();
    // 32 MiB of them.
    const files = Array.from({ length: 64 }, () => claiming.leave(data));
    expect(files.map((file) => file?.checksum)).toEqual(Array(64).fill(checksumOf(data)));
    expect(claiming.leave(data)).toBeUndefined();
    // A packed result, or one that many wait before, is given as ever.
    expect(claiming.put(data)).toEqual({ file: 0, length: data.length });
    const [moved, dropped, read] = files;
    if (!moved || !dropped || !read) throw new Error('not left');
    const done: number[] = [];
    const at = (file: ResultFileHeader) => agent.left(file, file.checksum ?? '', () => done.push(file.file));
    const left = at(moved);
    expect(readFileSync(left.path).equals(data)).toBe(true);
    renameSync(left.path, join(folder, 'elsewhere'));
    left.release();
    left.release();
    at(dropped).release();
    expect(done).toEqual([moved.file, dropped.file]);
    expect(agent.take(read).equals(data)).toBe(true);
    expect(readdirSync(folder).filter((name) => name.startsWith('left-'))).toHaveLength(61);
    claiming.taken(moved.file);
    expect(claiming.leave(data)?.file).toBe(66);
    expect(claiming.leave(data)).toBeUndefined();
    expect(() => agent.left({ ...read, length: -1 }, read.checksum ?? '', () => undefined)).toThrow();
    for (const file of [-1, 0.5, 2 ** 32, Number.NaN])
      expect(() => agent.left({ ...read, file }, read.checksum ?? '', () => undefined)).toThrow();
    expect(() => agent.left(read, 'crc32:0\r\nPilotfish-Version: x', () => undefined)).toThrow();
  });

  it('without a folder, or small, or over the limit, go through the socket', () => {
    expect(new ResultFiles('').put(Buffer.alloc(bodyFileBytesMin))).toBeUndefined();
    expect(instance.put(Buffer.alloc(bodyFileBytesMin - 1))).toBeUndefined();
    expect(instance.put(Buffer.alloc(frameBytesMax + 1))).toBeUndefined();
  });

  it.each([
    { what: 'a link to what only the agent may read', plant: (path: string) => symlinkSync('/etc/hostname', path) },
    { what: 'a pipe that nobody writes to', plant: (path: string) => execFileSync('mkfifo', [path]) },
    { what: 'a shorter file', plant: (path: string) => writeFileSync(path, 'short') },
    { what: 'nothing', plant: () => undefined },
  ])('$what is refused', ({ plant }) => {
    plant(join(folder, resultFileName(0)));
    expect(() => agent.take({ file: 0, length: 10 })).toThrow();
  });

  it.each([-1, 0.5, Number.NaN, frameBytesMax + 1])('a length of %s is refused', (length) => {
    writeFileSync(join(folder, resultFileName(0)), 'x');
    expect(() => agent.take({ file: 0, length })).toThrow('claims');
  });
});
