/** What `pilotfish.yaml` may say, with its defaults. The JSON Schema for editors is made from this (`manifest-json-schema.ts`). */
import { z } from 'zod';
import { count, duration, size } from './schema-units.ts';
import { triggerSchema } from './trigger-schema.ts';

/** 1 to 63 characters: names are subject tokens, consumer names and file names. */
export const functionNamePattern = /^[a-z][a-z0-9-]{0,62}$/;

/** More triggers than this are a wildcard that nobody wrote. */
export const triggersMax = 16;
/** The registry and every `list` stay readable; no pilot has come near. */
export const functionsMax = 256;
/** Instances share a process with their calls; past this a second instance is the answer. */
const concurrencyMax = 1_024;
const instancesMax = 10_000;
const schedulesMax = 16;

/** `handleBatch` is given no more: past it the hand-over costs nothing any more. */
const batchSizeMax = 1_024;
/** Paths or names in one list of permissions. */
const pathsMax = 64;
const commandWordsMax = 64;
const filesMax = 256;
const secretsMax = 64;
export const secretNamePattern = /^[A-Z][A-Z0-9_]{0,62}$/;

const retrySchema = z.strictObject({
  attempts: count('Tries in all before the event goes to the dead letters.', 1, 100).default(5),
  backoff: z.enum(['exponential']).describe('How the wait grows from try to try.').default('exponential'),
  min: duration('Wait before the second try.').default('1s'),
  max: duration('Longest wait.').default('60s'),
  jitter: z.enum(['full']).describe('Waits are drawn evenly between 0 and the backoff.').default('full'),
});

const resourcesSchema = z.strictObject({
  cpu: count('Slots of a node that one instance takes.', 1, 1_024).default(1),
  memory: size('Memory of one instance.').default('256MiB'),
  gpus: count('Graphics processors of a node that one instance takes; CUDA_VISIBLE_DEVICES names them.', 0, 64).default(
    0,
  ),
});

const boundsSchema = z
  .strictObject({
    cron: z.string().describe('When it begins: minute, hour, day of month, month, day of week.'),
    timezone: z.string().describe('An IANA name such as Europe/Berlin.').default('UTC'),
    for: duration('How long it holds.'),
    min: count('Instances kept even without events.', 0, instancesMax).default(0),
    max: count('Most instances.', 1, instancesMax).default(16),
  })
  .describe('Other bounds at certain times.');

const placementSchema = z.strictObject({
  strategy: z
    .enum(['spread', 'pack'])
    .describe('Over as many nodes as there are, or on as few as will do.')
    .default('spread'),
  labels: z.record(z.string(), z.string()).describe('Only nodes that have all of these labels.').default({}),
});

const scaleSchema = z.strictObject({
  min: count('Instances kept even without events.', 0, instancesMax).default(0),
  max: count('Most instances.', 1, instancesMax).default(16),
  drainTarget: duration('Time in which the waiting events should be done.').default('10s'),
  cooldown: duration('How long fewer instances must suffice before some are stopped.').default('30s'),
  weight: count('Its share where slots are short: twice the weight, twice the slots.', 1, 1_000).default(1),
  schedule: z.array(boundsSchema).max(schedulesMax).describe('The first that holds counts.').default([]),
});

const batchSchema = z
  .strictObject({
    size: count('Most events at a time.', 1, batchSizeMax).default(64),
    wait: duration('How long the first event waits for others.').default('5ms'),
  })
  .describe('Events are handed to `handleBatch` together.');

const orderSchema = z
  .strictObject({
    key: z
      .string()
      .describe('Events with the same key follow each other: "{1}" is what the first "*" of the subject matched.'),
  })
  .describe('Events of a key are handled one after the other, in the order in which they were stored.');

const limitsSchema = z
  .strictObject({
    inFlight: count('Most events at once on one node; 0: as many as its pace asks for.', 0, 100_000).default(0),
    memory: size('Most bytes of payloads at once on one node.').default('128MiB'),
  })
  .describe('What the function may hold on one node; the rest waits in the stream.');

const permissionsSchema = z.strictObject({
  net: z.boolean().describe('May open network connections.').default(false),
  read: z.array(z.string()).max(pathsMax).describe('Absolute paths that may be read.').default([]),
  write: z.array(z.string()).max(pathsMax).describe('Absolute paths that may be written.').default([]),
  env: z
    .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is no name of a variable'))
    .max(pathsMax)
    .describe("Variables of the pilot's environment that are handed on.")
    .default([]),
});

/** Attributes travel as headers: printable, in one line. */
const attribute = (what: string) =>
  z
    .string()
    .min(1)
    .max(256)
    .regex(/^[\x21-\x7e]+$/, 'is no attribute: printable ASCII without blanks')
    .describe(what);

const cloudEventsSchema = z
  .strictObject({
    type: attribute('What happened, in reverse-DNS form: org.example.slice.done.'),
    source: attribute('URI reference of who says so. Default: /pilotfish/<function>.').optional(),
    contentType: attribute('Media type of the results.').optional(),
  })
  .describe('Results are CloudEvents 1.0 in binary mode.');

export const functionSchema = z.strictObject({
  entry: z
    .string()
    .min(1)
    .describe('The file with the function, relative to this manifest: .ts, .js, .as.ts (AssemblyScript) or .wasm.')
    .optional(),
  command: z
    .array(z.string().min(1))
    .min(1)
    .max(commandWordsMax)
    .describe('A foreign program that speaks frames, with its arguments, instead of an entry: [python3, tomo.py].')
    .optional(),
  transport: z
    .enum(['fd3', 'stdio'])
    .describe('Where the foreign program speaks frames: on file descriptor 3, or on its standard input and output.')
    .optional(),
  files: z
    .array(z.string().min(1))
    .max(filesMax)
    .describe('Further files that the function needs, relative to this manifest.')
    .default([]),
  on: z
    .array(triggerSchema)
    .max(triggersMax)
    .describe('The events that trigger the function; none: it is only invoked.')
    .default([]),
  output: z.string().describe('Subject of the results; "{1}" stands for the trigger\'s first "*".').default(''),
  cloudEvents: cloudEventsSchema.optional(),
  claimOver: size('Larger results go into a file, and the event names it; `event.open()` reads it.').default('8MiB'),
  timeout: duration('Longest time of one call.').default('30s'),
  retry: retrySchema.prefault({}),
  concurrency: count('Calls at a time in one instance.', 1, concurrencyMax).default(1),
  resources: resourcesSchema.prefault({}),
  scale: scaleSchema.prefault({}),
  placement: placementSchema.prefault({}),
  batch: batchSchema.optional(),
  order: orderSchema.optional(),
  limits: limitsSchema.prefault({}),
  latency: z.boolean().describe('Keep a loaded instance ready besides those that work.').default(false),
  permissions: permissionsSchema.prefault({}),
  secrets: z
    .array(z.string().regex(secretNamePattern, 'is no name of a secret: capital letters, digits and "_"'))
    .max(secretsMax)
    .describe('Secrets that the function is given as ctx.secrets.')
    .default([]),
  config: z.record(z.string(), z.unknown()).describe('Handed to the function as ctx.config.').default({}),
});

export const manifestSchema = z.strictObject({
  functions: z.record(z.string(), functionSchema).describe('The functions by name: small letters, digits and hyphens.'),
});

export type FunctionManifest = z.output<typeof functionSchema>;
