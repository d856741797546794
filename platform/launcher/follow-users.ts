/** Gives a node's server the users of tokens that were made since it started, and takes away those that were revoked or have ended. */
import { messageOf } from '#common';
import { stampOf } from '#security';
import type { Logger } from '#telemetry';

export interface FollowUsersOptions {
  /** `keys/nats-users.json`, on a file system that other nodes write to. */
  readonly file: string;
  /** When the next user ends, whatever becomes of the file. */
  readonly nextEnd: () => number;
  /** Brings the running server up to date. */
  readonly reload: () => void;
  readonly logger: Logger;
}

/** A token's connections to the streams end this long after its revocation or its time, at most. */
const lookEveryMs = 500;

/** Returns what ends it. */
export function followUsers({ file, nextEnd, reload, logger }: FollowUsersOptions): () => void {
  let seen = stampOf(file);
  let end = nextEnd();
  const timer = setInterval(() => {
    const stamp = stampOf(file);
    if (stamp === '' || (stamp === seen && Date.now() < end)) return;
    try {
      reload();
      end = nextEnd();
      seen = stamp;
    } catch (error) {
      // Looked at again the next time: half a second later the file is whole, or the disk has room.
      logger.warn({ error: messageOf(error) }, 'the users of the streams were not renewed');
    }
  }, lookEveryMs);
  return () => clearInterval(timer);
}
