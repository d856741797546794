/**
 * What an agent's connection says and hears without the client's spare copies. What the client receives in chunks it gathers in
 * a buffer that doubles, for 2 MiB five of them with 7.6 MB of fresh pages; of what it sends it makes a buffer for each command,
 * and copies all of them into one. Both cost more than the way over sockets does.
 */
import { type NatsConnection, NatsConnectionImpl, type Parser, type ProtocolHandler } from '@nats-io/transport-node';
import { borrowBuffer, PlatformError } from '#common';
import { OutboundBatch } from './outbound-batch.ts';

/** From here on a copy costs more than the write that it spares. */
const largeBytesMin = 128 * 2 ** 10;

/** For connections whose owner leaves a payload as it is once it has given it to `publish`. */
export function spareCopies(connection: NatsConnection): void {
  if (!(connection instanceof NatsConnectionImpl))
    throw new PlatformError('internal', 'a connection of another client');
  const { protocol } = connection;
  sendInPieces(protocol);
  receiveInPlace(protocol.parser);
  const reset = protocol.resetOutbound.bind(protocol);
  // At each reconnect the client reads with a parser that is new.
  protocol.resetOutbound = () => {
    reset();
    receiveInPlace(protocol.parser);
  };
}

/** What is sent is gathered in one buffer; a large payload goes to the socket as it is, behind what waits there. */
function sendInPieces(protocol: ProtocolHandler): void {
  const send = protocol.sendCommand.bind(protocol);
  const batch = new OutboundBatch(protocol);
  protocol.sendCommand = (command, ...parts) => {
    if (!protocol.connected || typeof command !== 'string') return send(command, ...parts);
    const [payload, lineEnd] = parts.slice(-2);
    if (payload === undefined || lineEnd === undefined || payload.length < largeBytesMin) {
      return batch.add(command, parts);
    }
    batch.add(command, parts.slice(0, -2));
    batch.flush();
    protocol.transport.send(payload);
    protocol.transport.send(lineEnd);
  };
  const ping = protocol.flush.bind(protocol);
  // Its answer says that what was sent before has arrived.
  protocol.flush = (answered) => {
    batch.flush();
    return ping(answered);
  };
}

/** Room for the whole of a message is made once its first chunk has come. */
export function receiveInPlace(parser: Parser): void {
  const parse = parser.parse.bind(parser);
  parser.parse = (chunk) => {
    parse(chunk);
    const { msgBuf: begun, ma: message } = parser;
    if (begun === undefined || message.size < largeBytesMin || begun.capacity >= message.size) return;
    const whole = borrowBuffer(message.size);
    whole.set(begun.bytes({ copy: false }));
    begun._buf = new Uint8Array(whole.buffer, 0, begun.length);
  };
}
