/** Every bound of the gRPC surface, each with its reason. */

/**
 * Largest payload of one invocation. The broker's events are cut at the same size: a 2 MiB slice in one unary call already
 * costs 25 ms here, so anything larger goes by reference.
 */
export const invokePayloadBytesMax = 8 * 2 ** 20;

/** A bundle of this size takes seconds to load: whoever needs more ships data, not code. */
export const artifactBytesMax = 64 * 2 ** 20;

/** Artifacts travel in pieces small enough that one upload does not hold up the connection's other calls. */
export const artifactChunkBytes = 256 * 2 ** 10;

/** Room for a message's own fields and headers around the largest payload. */
const envelopeBytesMax = 64 * 2 ** 10;

/** What gRPC itself refuses: just above the payload's limit, so that our own error, which names the limit, comes first. */
export const messageBytesMax = invokePayloadBytesMax + envelopeBytesMax;

/** Pings on a connection: a dead peer is found within both together. */
export interface Keepalive {
  readonly timeMs: number;
  readonly timeoutMs: number;
}

/**
 * Whoever calls a gateway, or another node, knows within 8 s that its machine is gone; a process that died says so at once.
 * An answer may take 6 s of them: on a machine whose cores are all taken, both sides were seen to stand still for over two.
 */
export const callersKeepalive: Keepalive = { timeMs: 2_000, timeoutMs: 6_000 };

/**
 * Between a gateway and its agents. A lost node is found by its entry in the nodes bucket, in 4 s, and its connection is
 * closed with that; pings find only a path that is broken between two that both reach the broker. A thousand pings a second
 * took a fifth of the gateway's time.
 */
export const nodesKeepalive: Keepalive = { timeMs: 10_000, timeoutMs: 5_000 };

/** Restarted processes come back on the same port within a second; a longer pause between attempts would only add to it. */
export const reconnectMinMs = 100;
export const reconnectMaxMs = 1_000;

/** HTTP/2 peers accept 16 KiB of trailers by default; message and stack of an error have to fit, base64 included. */
export const errorMessageCharsMax = 2_000;
export const errorStackCharsMax = 6_000;

/** So much of an answer may be on its way unread: HTTP/2 starts with 64 KiB, for which an image of 2 MiB waits 32 times. */
export const answerWindowBytes = 2 ** 20;

/** A call without a deadline of its own ends after this, so that nobody waits for ever for a silent peer. */
export const callTimeoutMs = 30_000;

/** Node takes a longer time for none at all: 24.8 days. */
export const timerMsMax = 2 ** 31 - 1;

/** One connection an agent on a thousand nodes, and as many programs again. */
export const connectionsMax = 2_048;

/** Of them so many of one certificate: nobody's mistake takes the places of all others. */
export const connectionsPerCallerMax = 512;

/** So many new ones of one certificate in a second: all of them come back at once, but nobody spends the port's handshakes on and on. */
export const connectionsPerSecondMax = 512;

/** A handshake takes milliseconds; whoever needs seconds holds a place and has no business here. */
export const handshakeMsMax = 5_000;

/** Handshakes under way at once: a thousand agents that come back within a second need fewer. */
export const handshakesMax = 128;

/** Lines of calls into a node: one a gateway, and one that takes over or comes back before the old one's end is seen. */
export const linesMax = 64;

/** Calls open on one connection; a busy source keeps tens. */
export const streamsMax = 1_024;
