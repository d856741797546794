/** A collector of the OpenTelemetry project, where the machine has one: it prints the spans that it has taken. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';

const program = process.env['PILOTFISH_OTELCOL'] ?? 'otelcol';

/** Why there is none, or false. */
export function missingCollector(): string | false {
  return (
    spawnSync(program, ['--version']).status !== 0 &&
    'no otelcol on PATH, and PILOTFISH_OTELCOL names none; the OpenTelemetry Collector, core distribution, is one'
  );
}

export interface TakenSpan {
  readonly traceId: string;
  readonly parentId: string;
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  /** What it came to; of spans of events and calls. */
  readonly outcome: string;
}

const settings = (port: number) => `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:${port}" } } } }
exporters: { debug: { verbosity: detailed } }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { traces: { receivers: [otlp], exporters: [debug] } }
`;

export class OtelCollector {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #exited: Promise<unknown>;
  #printed = '';

  private constructor(port: number, folder: string) {
    this.url = `http://127.0.0.1:${port}`;
    this.#folder = folder;
    this.#child = spawn(program, ['--config', join(folder, 'collector.yaml')], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#exited = new Promise((resolve) => this.#child.once('exit', resolve));
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#printed += text;
      });
  }

  static async start(): Promise<OtelCollector> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'pilotfish-collector-'));
    writeFileSync(join(folder, 'collector.yaml'), settings(port));
    return new OtelCollector(port, folder);
  }

  /** Throws what it printed where it has ended instead: it does not take its settings, say. */
  get isReady(): boolean {
    if (this.#child.exitCode !== null)
      throw new Error(`the collector ended with ${this.#child.exitCode}: ${this.#printed}`);
    return this.#printed.includes('Everything is ready');
  }

  spans(): TakenSpan[] {
    const [, ...texts] = this.#printed.split(/^Span #\d+$/m);
    return texts.map((text) => {
      const of = (field: string) => new RegExp(`^ +${field} +: *(.*)$`, 'm').exec(text)?.[1] ?? '';
      const [traceId, parentId, id] = [of('Trace ID'), of('Parent ID'), of('ID')];
      const outcome = /pilotfish\.outcome: Str\((.*)\)/.exec(text)?.[1] ?? '';
      return { traceId, parentId, id, name: of('Name'), kind: of('Kind'), outcome };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#exited;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
