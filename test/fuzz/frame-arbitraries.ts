/** Frames as a foreign program might write them: headers that are nearly right, and such that are nothing. */
import { frameHeaderBytesMax, frameTypes } from '#frames';
import { fc } from '../harness/properties.ts';

const long = 'x'.repeat(20_000);
const oddText = fc.oneof(
  fc.constantFrom(
    '',
    'failed',
    'rejected',
    'retry',
    'get',
    'set',
    'info',
    'a.b',
    '>',
    'a\r\nNats-Msg-Id: b',
    '../..',
    long,
  ),
  fc.string({ unit: 'binary', maxLength: 24 }),
);
const oddNumber = fc.constantFrom(-1, 0, 1, 0.5, 2 ** 31, 2 ** 53, 1e300, Number.MAX_SAFE_INTEGER);
const oddHeaders = fc.dictionary(oddText, fc.oneof(oddText, fc.jsonValue({ maxDepth: 1 })), { maxKeys: 3 });
const oddValue = fc.oneof(oddText, oddNumber, oddHeaders, fc.constantFrom(null, true), fc.jsonValue({ maxDepth: 2 }));

const fields = [
  ...['kind', 'message', 'stack', 'retryAfterMs', 'level', 'call', 'token', 'subject', 'messageId', 'headers'],
  ...['operation', 'key', 't', 'ms', 'revision', 'once', 'file', 'length', '__proto__', 'constructor', 'toString'],
];

/** What a header should be, with one field wrong or missing. */
const nearly = fc
  .tuple(
    fc.constantFrom<Record<string, unknown>>(
      { kind: 'failed', message: 'm', stack: 's' },
      { level: 'info', call: 'c' },
      { token: 1, subject: 'a.b', messageId: 'm1', headers: { a: 'b' } },
      { token: 1, operation: 'set', key: 'k', revision: 0 },
      { file: 1, length: 3 },
      { t: 1, ms: 2 },
    ),
    fc.constantFrom(...fields),
    fc.option(oddValue, { nil: undefined }),
  )
  .map(([good, field, value]) => JSON.stringify({ ...good, [field]: value }));

const outputs = fc
  .array(
    fc.record({ length: fc.oneof(fc.nat(4), oddNumber), subject: oddText, headers: oddHeaders }, { requiredKeys: [] }),
    {
      maxLength: 4,
    },
  )
  .map((list) => JSON.stringify(list));

const metrics = fc
  .array(
    fc.record(
      {
        name: fc.oneof(fc.constant('frames_total'), oddText),
        kind: fc.oneof(fc.constantFrom('counter', 'gauge', 'histogram'), oddText),
        value: oddNumber,
        help: oddValue,
        labels: oddHeaders,
        bounds: fc.oneof(fc.array(oddNumber, { maxLength: 3 }), oddValue),
        counts: fc.oneof(fc.array(oddNumber, { maxLength: 4 }), oddValue),
      },
      { requiredKeys: ['name', 'kind', 'value'] },
    ),
    { maxLength: 4 },
  )
  .map((list) => JSON.stringify(list));

export interface WrittenFrame {
  readonly type: number;
  /** True for the call that is being run, else no call at all. */
  readonly ofCall: boolean;
  readonly flags: number;
  readonly header: string;
  readonly body: Uint8Array;
}

export const writtenFrame: fc.Arbitrary<WrittenFrame> = fc.record({
  type: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom<number>(...Object.values(frameTypes)) },
    { weight: 1, arbitrary: fc.nat(255) },
  ),
  ofCall: fc.boolean(),
  flags: fc.oneof(fc.constantFrom(0, 1, 2, 4, 5, 6), fc.nat(255)),
  header: fc
    .oneof(
      { weight: 4, arbitrary: nearly },
      { weight: 2, arbitrary: outputs },
      { weight: 1, arbitrary: fc.json({ maxDepth: 3 }) },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 64 }) },
    )
    // What the prefix's u16 cannot say cannot be sent.
    .filter((text) => Buffer.byteLength(text) <= frameHeaderBytesMax),
  body: fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    metrics.map((text) => Buffer.from(text)),
  ),
});
