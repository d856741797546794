/** A child's line to its launcher: JSON lines on fd 3; its end says that the launcher is gone. */
import { Socket } from 'node:net';
import type { ChildMessage } from './process-config.ts';

export interface LauncherLink {
  readonly send: (message: ChildMessage) => void;
}

/** `onGone` is called once when the launcher has ended. Without an fd 3 (a process started by hand) messages go nowhere. */
export function openLauncherLink(onGone: () => void): LauncherLink {
  try {
    const socket = new Socket({ fd: 3, readable: true, writable: true });
    socket.on('error', onGone);
    socket.on('close', onGone);
    socket.resume();
    return { send: (message) => socket.write(`${JSON.stringify(message)}\n`) };
  } catch {
    // No fd 3: nobody listens.
    return { send: () => undefined };
  }
}
