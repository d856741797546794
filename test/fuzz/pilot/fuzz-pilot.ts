/** A pilot for the fuzzers: one function of each kind they need, and processes that must be the same ones afterwards. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FunctionFolder } from '../../harness/functions.ts';
import { TestPilot } from '../../harness/pilot.ts';
import type { OpenTarget } from '../fuzz.ts';

/** Reads frames and, at a call, writes what the call's payload says; the id 0xfffffffe stands for the call's own. */
const program = `import os, struct
P = struct.Struct("<IIBBH")
def read(n):
    b = b""
    while len(b) < n:
        c = os.read(3, n - len(b))
        if not c: os._exit(0)
        b += c
    return b
def send(b):
    while b: b = b[os.write(3, b):]
while True:
    total, ident, kind, flags, head = P.unpack(read(12))
    read(head)
    body = read(total - 8 - head)
    if kind == 2: send(P.pack(8, 0, 3, 0, 0))
    if kind == 4: send(body.replace(b"\\xfe\\xff\\xff\\xff", struct.pack("<I", ident)))
    if kind == 9: os._exit(0)
`;

const names = ['gateway', 'agent', 'nats-server'] as const;

export class FuzzPilot {
  readonly pilot: TestPilot;
  readonly #pids: readonly number[];

  private constructor(pilot: TestPilot) {
    this.pilot = pilot;
    this.#pids = names.map((name) => pilot.pid('n1', name));
  }

  static async start(): Promise<FuzzPilot> {
    const pilot = await TestPilot.start({ coresPerNode: 8 });
    using folder = new FunctionFolder();
    await folder.deploy(pilot, 'posted', '(event) => event.text()', [
      'on: [{ http: { path: /ask, answer: result, bodyMax: 64KiB } }, { http: { path: "/tell/*", bodyMax: 64KiB } }]',
    ]);
    await folder.deploy(pilot, 'heard', '(event) => JSON.stringify(event.headers).length + event.text()', [
      'on: [{ subject: "fuzz.*" }]',
      'output: "heard.{1}"',
      'retry: { attempts: 1 }',
    ]);
    const raw = mkdtempSync(join(tmpdir(), 'pilotfish-raw-'));
    writeFileSync(join(raw, 'raw.py'), program);
    writeFileSync(
      join(raw, 'pilotfish.yaml'),
      'functions:\n  raw:\n    command: [python3, raw.py]\n    timeout: 2s\n    scale: { min: 2 }\n',
    );
    const deployed = await pilot.cli(['deploy', raw]);
    rmSync(raw, { recursive: true });
    if (deployed.code !== 0) throw new Error(deployed.stderr);
    return new FuzzPilot(pilot);
  }

  /** For a target: what must hold after its cases, and the processes that must not grow. */
  get parts(): Pick<OpenTarget, 'stillWorks' | 'pids' | 'firstFailure'> {
    return {
      firstFailure: true,
      pids: () => this.#pids,
      stillWorks: async () => {
        const now = names.map((name) => this.pilot.pid('n1', name));
        if (now.join() !== this.#pids.join())
          throw new Error(`${names.join()} were ${this.#pids.join()}, are ${now.join()}`);
        const { payload } = await this.pilot.client.invoke('posted', Buffer.from('still here'));
        if (payload.toString() !== 'still here') throw new Error(`a call is answered ${payload.toString()}`);
      },
    };
  }

  close(): Promise<void> {
    return this.pilot[Symbol.asyncDispose]();
  }
}
