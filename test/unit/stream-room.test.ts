/** R8: how much a source may publish follows what the stream says, and a server that says nothing gives nothing away. */
import { afterEach, expect, it, vi } from 'vitest';
import { pilotApi } from '#broker';
import { systemClock } from '#common';
import { StreamRoom, type StreamRoomOptions } from '../../platform/client/stream-room.ts';

const mebibyte = 2 ** 20;

/** A room whose server gives the answers in turn, the last one for ever; "silent" is none within the time. */
function roomWith(...answers: (number | 'silent')[]) {
  let asked = 0;
  const sent = { bytes: 0 };
  const request = async () => {
    const bytes = answers[Math.min(asked++, answers.length - 1)];
    if (bytes === 'silent') throw new Error('timeout');
    return { json: () => ({ config: { max_bytes: 100 * mebibyte }, state: { bytes } }) };
  };
  const connection = { request } as unknown as StreamRoomOptions['connection'];
  const woken = vi.fn();
  const bytesInFlight = () => sent.bytes;
  const room = new StreamRoom({ connection, api: pilotApi, clock: systemClock, bytesInFlight, onRoom: woken });
  return { room, woken, sent };
}

/** What it gives away before it says no. */
function takeAll(room: StreamRoom): number {
  let taken = 0;
  while (taken < 200 * mebibyte && room.take(mebibyte)) taken += mebibyte;
  return taken;
}

let opened: StreamRoom | undefined;
afterEach(() => opened?.close());

it('a server that does not answer gives no room, and is asked again', async () => {
  const { room, woken } = roomWith('silent', 50 * mebibyte);
  opened = room;
  await room.open();
  expect(takeAll(room)).toBe(0);
  await vi.waitFor(() => expect(woken).toHaveBeenCalledTimes(2), { timeout: 20_000 });
  // A part of the 40 MiB that are left of the sources' 90.
  expect(takeAll(room)).toBeGreaterThan(0);
  expect(takeAll(room)).toBeLessThanOrEqual(10 * mebibyte);
});

it('what was granted before a silence still holds, and nothing beyond it', async () => {
  const { room, woken } = roomWith(50 * mebibyte, 'silent');
  opened = room;
  await room.open();
  const granted = takeAll(room);
  expect(granted).toBeGreaterThan(0);
  await vi.waitFor(() => expect(woken).toHaveBeenCalledTimes(2), { timeout: 20_000 });
  expect(takeAll(room)).toBe(0);
});

it('what is on its way takes room as well: an answer does not know of it', async () => {
  const { room, sent } = roomWith(50 * mebibyte);
  opened = room;
  sent.bytes = 38 * mebibyte;
  await room.open();
  // Of the sources' 90.
  expect(takeAll(room)).toBe(2 * mebibyte);
});
