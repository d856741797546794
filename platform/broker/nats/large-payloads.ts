/**
 * Payloads of megabytes without the client's spare copies. What it receives in chunks it gathers in a buffer that doubles, for
 * 2 MiB five of them with 7.6 MB of fresh pages, and what it sends it first copies into one piece with its header. With both,
 * a frame of 2 MiB costs more in pages and garbage than all of its way over sockets does.
 */
import { type NatsConnection, NatsConnectionImpl, type Parser, type ProtocolHandler } from '@nats-io/transport-node';
import { PlatformError } from '#common';

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

/** A large payload goes to the socket as it is, behind what waits to be sent. */
function sendInPieces(protocol: ProtocolHandler): void {
  const send = protocol.sendCommand.bind(protocol);
  protocol.sendCommand = (command, ...parts) => {
    const [payload, lineEnd] = parts.slice(-2);
    if (payload === undefined || lineEnd === undefined || payload.length < largeBytesMin || !protocol.connected) {
      return send(command, ...parts);
    }
    const { outbound, transport } = protocol;
    outbound.fill(Buffer.from(command), ...parts.slice(0, -2));
    transport.send(outbound.drain());
    transport.send(payload);
    transport.send(lineEnd);
  };
}

/** Room for the whole of a message is made once its first chunk has come. */
export function receiveInPlace(parser: Parser): void {
  const parse = parser.parse.bind(parser);
  parser.parse = (chunk) => {
    parse(chunk);
    const { msgBuf: begun, ma: message } = parser;
    if (begun === undefined || message.size < largeBytesMin || begun.capacity >= message.size) return;
    const whole = Buffer.allocUnsafeSlow(message.size);
    whole.set(begun.bytes({ copy: false }));
    begun._buf = new Uint8Array(whole.buffer, 0, begun.length);
  };
}
