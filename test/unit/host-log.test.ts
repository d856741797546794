/** Lines that an instance writes faster than its agent takes them: a burst is held, each of the others is counted. */
import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { FrameReader, FrameWriter, frameTypes, readLogHeader } from '#frames';
import { HostLog } from '../../platform/instance/host-log.ts';

const header = { level: 'info', call: '' };
const line = 'x'.repeat(8_000);

/** A socket whose peer reads nothing until `open`, and what it is given. */
function blockedSocket() {
  let blocked: (() => void) | undefined;
  let isOpen = false;
  const read = { lines: 0, dropped: 0, texts: [] as string[] };
  const reader = new FrameReader((frame) => {
    expect(frame.type).toBe(frameTypes.log);
    const { dropped } = readLogHeader(frame.header);
    if (dropped === undefined) read.texts.push(Buffer.from(frame.body).toString('utf8'));
    read.lines += dropped === undefined ? 1 : 0;
    read.dropped += dropped ?? 0;
  });
  const socket = new Writable({
    write(chunk: Buffer, _encoding, done) {
      reader.push(chunk);
      if (isOpen) done();
      else blocked = done;
    },
  });
  const open = () => {
    isOpen = true;
    blocked?.();
  };
  return { socket, read, open };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

it('holds a thousand of the longest lines, drops the others, and tells their number in its next turn', async () => {
  const { socket, read, open } = blockedSocket();
  const writer = new FrameWriter(socket);
  const log = new HostLog(writer);
  for (let written = 0; written < 5_000; written++) log.write(header, line);
  expect(writer.bufferedBytes).toBeLessThan(9 * 2 ** 20);
  await turn();
  open();
  await new Promise<void>((resolve) => socket.end(resolve));
  expect(read.lines).toBeGreaterThanOrEqual(1_000);
  expect(read.lines + read.dropped).toBe(5_000);
});

it('takes lines again once the agent has read, and never drops the word of the platform', async () => {
  const { socket, read, open } = blockedSocket();
  const log = new HostLog(new FrameWriter(socket));
  for (let written = 0; written < 2_000; written++) log.write(header, line);
  log.tell({ level: 'error', call: '' }, 'an uncaught exception');
  await turn();
  open();
  await turn();
  log.write(header, 'heard again');
  await new Promise<void>((resolve) => setImmediate(() => socket.end(resolve)));
  expect(read.texts).toContain('an uncaught exception');
  expect(read.texts.at(-1)).toBe('heard again');
  expect(read.lines + read.dropped).toBe(2_002);
});
