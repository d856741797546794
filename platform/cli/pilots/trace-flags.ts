/** The flags of `up` that say where traces go. */
import { type Command, InvalidArgumentError } from 'commander';
import { PlatformError } from '#common';
import { type TracesConfig, tracesSchema } from '#model';
import { flag } from '../command.ts';

export interface TraceFlags {
  readonly traces?: string;
  readonly traceRatio?: number;
}

export function addTraceFlags(command: Command): Command {
  return command
    .addOption(flag('--traces <url>', 'an OpenTelemetry collector (OTLP over HTTP) that spans go to (docs/traces.md)'))
    .addOption(
      flag('--trace-ratio <share>', 'of events whose source asks for no trace, this share has one: 0 to 1')
        .argParser(share)
        .default(0),
    );
}

/** Undefined where nothing is to be traced. Throws `usage` for flags that make no sense. */
export function tracesOf({ traces: endpoint, traceRatio: ratio = 0 }: TraceFlags): TracesConfig | undefined {
  if (endpoint === undefined) {
    if (ratio === 0) return undefined;
    throw new PlatformError('usage', '--trace-ratio needs --traces', { hint: 'Say --traces http://127.0.0.1:4318' });
  }
  const parsed = tracesSchema.safeParse({ endpoint, ratio });
  if (parsed.success && /^https?:/.test(endpoint)) return parsed.data;
  throw new PlatformError('usage', `--traces is "${endpoint}", which is no http:// or https:// address`, {
    hint: 'Say --traces http://127.0.0.1:4318',
  });
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new InvalidArgumentError('It is a share from 0 to 1.');
  return value;
}
