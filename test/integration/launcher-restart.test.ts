/** A launcher brings its children back at the same ports, ends what a dead agent left, and takes all with it when it dies. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { connectionSchema } from '#model';
import { isAlive } from '#pilot';
import { eventually } from '../harness/eventually.ts';
import { firstBytes, type StandInPilot, TestHome } from '../harness/stand-in-pilot.ts';

describe('Launcher', () => {
  test('restarts the gateway at the same address after kill -9', async () => {
    await using home = new TestHome();
    const pilot = await home.up(1);
    const { address } = readConnection(pilot).gateway;
    const before = childOf(pilot, 'gateway');
    expect(await firstBytes(address)).toBe(String(before.pid));
    process.kill(before.pid, 'SIGKILL');
    const after = await pilot.successor('n1', 'gateway', before.pid);
    await answers(address, String(after.pid));
    expect(readConnection(pilot).gateway.address).toBe(address);
  });

  test('restarts nats-server at the same port after kill -9', async () => {
    await using home = new TestHome();
    const pilot = await home.up(1);
    const server = readConnection(pilot).brokers[0] ?? '';
    const before = childOf(pilot, 'nats-server');
    process.kill(before.pid, 'SIGKILL');
    const after = await pilot.successor('n1', 'nats-server', before.pid);
    expect(after.pid).not.toBe(before.pid);
    await answers(new URL(server).host, `"server_name":"${pilot.id}-n1"`);
    expect(readConnection(pilot).brokers).toEqual([server]);
  });

  test('kills what a dead agent left before it starts the next one', async () => {
    await using home = new TestHome();
    const pilot = await home.up(1);
    const left = await eventually(() => pilot.record('n1').instances[0], {
      timeoutMs: 5_000,
      what: 'the first instance',
    });
    expect(isAlive(left)).toBe(true);
    const before = childOf(pilot, 'agent');
    process.kill(before.pid, 'SIGKILL');
    await pilot.successor('n1', 'agent', before.pid);
    expect(isAlive(left)).toBe(false);
    const next = await eventually(() => pilot.record('n1').instances[0], {
      timeoutMs: 5_000,
      what: 'the next instance',
    });
    expect(next.pid).not.toBe(left.pid);
  });

  test('brings a child back again and again', async () => {
    await using home = new TestHome();
    const pilot = await home.up(1);
    let { pid } = childOf(pilot, 'agent');
    for (let round = 0; round < 4; round++) {
      process.kill(pid, 'SIGKILL');
      pid = (await pilot.successor('n1', 'agent', pid)).pid;
    }
    expect(childOf(pilot, 'agent').pid).toBe(pid);
  });

  test('takes its children with it when it is killed with kill -9', async () => {
    await using home = new TestHome();
    const pilot = await home.up(2);
    const records = [pilot.record('n1'), pilot.record('n2')];
    const children = records.flatMap((record) => record.children);
    expect(children.map(({ name }) => name).sort()).toEqual(['agent', 'agent', 'gateway', 'nats-server']);
    for (const { launcher } of records) process.kill(launcher.pid, 'SIGKILL');
    await eventually(() => !children.some(isAlive), { timeoutMs: 5_000, what: 'the end of every child' });
  });

  test('ends by itself, and removes its run directory, when the stop file appears', async () => {
    await using home = new TestHome();
    const pilot = await home.up(1);
    const record = pilot.record('n1');
    const { writePrivate } = await import('#security');
    writePrivate(join(pilot.directory, 'stop'), '');
    await eventually(() => !isAlive(record.launcher), { timeoutMs: 10_000, what: "the launcher's end" });
    expect(record.children.filter(isAlive)).toEqual([]);
  });
});

function childOf(pilot: StandInPilot, name: string): { pid: number; startTicks: string } {
  const child = pilot.record('n1').children.find((candidate) => candidate.name === name);
  if (!child) throw new Error(`there is no ${name}`);
  return child;
}

function readConnection(pilot: StandInPilot) {
  return connectionSchema.parse(JSON.parse(readFileSync(join(pilot.directory, 'connection.json'), 'utf8')));
}

async function answers(address: string, part: string): Promise<void> {
  const what = `an answer with ${part} at ${address}`;
  await eventually(async () => (await firstBytes(address)).includes(part), { timeoutMs: 10_000, what });
}
