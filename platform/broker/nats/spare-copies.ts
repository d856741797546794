/**
 * What an agent's connection says and hears without the client's spare copies. What the client receives in chunks it gathers in
 * a buffer that doubles, for 2 MiB five of them with 7.6 MB of fresh pages; of what it sends it makes a buffer for each command,
 * and copies all of them into one. Both cost more than the way over sockets does.
 */
import { type NatsConnection, NatsConnectionImpl, type Parser, type ProtocolHandler } from '@nats-io/transport-node';
import { borrowBuffer, PlatformError } from '#common';
import { EncodedHeaders } from './message-headers.ts';
import { OutboundBatch } from './outbound-batch.ts';
import { readWholeMessages } from './whole-messages.ts';

/** From here on a copy costs more than the write that it spares. */
const largeBytesMin = 128 * 2 ** 10;

/** For connections whose owner leaves a payload as it is once it has given it to `publish`. */
export function spareCopies(connection: NatsConnection): void {
  if (!(connection instanceof NatsConnectionImpl))
    throw new PlatformError('internal', 'a connection of another client');
  const { protocol } = connection;
  const batch = new OutboundBatch(protocol);
  sendInPieces(protocol, batch);
  publishInOneStep(connection, batch);
  receive(protocol);
  const reset = protocol.resetOutbound.bind(protocol);
  // At each reconnect the client reads with a parser that is new.
  protocol.resetOutbound = () => {
    reset();
    receive(protocol);
  };
}

const ackPrefix = '$JS.ACK.';
const blank = /\s/;
const noPayload = new Uint8Array(0);

/**
 * What this platform publishes goes into the batch as one text and its payload. Whatever is unusual, or wrong, is for the client
 * to say.
 */
function publishInOneStep(connection: NatsConnectionImpl, batch: OutboundBatch): void {
  const { protocol } = connection;
  const publish = connection.publish.bind(connection);
  connection.publish = (subject, payload = noPayload, options = {}) => {
    const { headers, reply = '' } = options;
    const data = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const isUsual = protocol.connected && !protocol.noMorePublishing && !connection.isClosed();
    const isOurs = headers === undefined || headers instanceof EncodedHeaders;
    if (
      !isUsual ||
      !isOurs ||
      data.length >= largeBytesMin ||
      subject === '' ||
      blank.test(subject) ||
      blank.test(reply)
    )
      return publish(subject, payload, options);
    const text = headers?.text ?? '';
    const headerBytes = text === '' ? 0 : Buffer.byteLength(text);
    const bytes = headerBytes + data.length;
    if (bytes > (protocol.info?.max_payload ?? 0)) return publish(subject, payload, options);
    protocol.outBytes += bytes;
    protocol.outMsgs++;
    const way = reply === '' ? subject : `${subject} ${reply}`;
    const command = headerBytes === 0 ? `PUB ${way} ${bytes}\r\n` : `HPUB ${way} ${headerBytes} ${bytes}\r\n`;
    if (bytes === 0 && subject.startsWith(ackPrefix)) batch.addLate(`${command}\r\n`);
    else batch.addLine(command, text, data);
  };
}

function receive(protocol: ProtocolHandler): void {
  receiveInPlace(protocol.parser);
  readWholeMessages(protocol, protocol.parser);
}

/** What is sent is gathered in one buffer; a large payload goes to the socket as it is, behind what waits there. */
function sendInPieces(protocol: ProtocolHandler, batch: OutboundBatch): void {
  const send = protocol.sendCommand.bind(protocol);
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
