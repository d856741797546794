/** What a node is known to have besides slots and memory: how that is found out, said, asked for, and handed out. */
import { describe, expect, it } from 'vitest';
import { FunctionSpec } from '#proto';
import { mayRunOn } from '#routing';
import { GpuSlots } from '../../platform/agent/instances/gpu-slots.ts';
import { labelsOf } from '../../platform/cli/pilots/node-flags.ts';
import { readGrant } from '../../platform/pilot/jobs/node-grant.ts';
import { fc } from '../harness/properties.ts';

describe('mayRunOn()', () => {
  const spec = FunctionSpec.fromPartial({ resources: { gpus: 1 }, placement: { labels: { rack: 'a' } } });

  it('asks for GPUs and for every label', () => {
    expect(mayRunOn(spec, { gpus: 2, labels: { rack: 'a', disk: 'fast' } })).toBe(true);
    expect(mayRunOn(spec, { gpus: 2, labels: { rack: 'b' } })).toBe(false);
    expect(mayRunOn(spec, { labels: { rack: 'a' } })).toBe(false);
    expect(mayRunOn(FunctionSpec.fromPartial({}), {})).toBe(true);
    expect(mayRunOn(undefined, {})).toBe(true);
  });
});

describe('GpuSlots', () => {
  it('counts devices from 0 where nobody named them, and takes the names of the scheduler', () => {
    const plain = new GpuSlots(2, {});
    expect(plain.environmentOf(plain.take(2) ?? [])).toEqual({ CUDA_VISIBLE_DEVICES: '0,1' });
    const named = new GpuSlots(2, { CUDA_VISIBLE_DEVICES: 'GPU-7,GPU-9' });
    expect(named.environmentOf(named.take(1) ?? [])).toEqual({ CUDA_VISIBLE_DEVICES: 'GPU-7' });
    const amd = new GpuSlots(1, { ROCR_VISIBLE_DEVICES: '3' });
    expect(amd.environmentOf(amd.take(1) ?? [])).toEqual({ ROCR_VISIBLE_DEVICES: '3' });
  });

  it('gives no device to two at once, and every one again', () => {
    fc.assert(
      fc.property(fc.nat(8), fc.array(fc.nat(3), { maxLength: 30 }), (count, asked) => {
        const slots = new GpuSlots(count, {});
        const held: (readonly string[])[] = [];
        for (const many of asked) {
          const taken = slots.take(many);
          if (taken) held.push(taken);
          else slots.give(held.shift() ?? []);
          const devices = held.flat();
          expect(new Set(devices).size).toBe(devices.length);
        }
        for (const devices of held) slots.give(devices);
        expect(slots.take(count)?.length).toBe(count);
      }),
    );
  });
});

describe('readGrant()', () => {
  it("counts the GPUs of Slurm's grant, or the devices that any scheduler leaves visible", () => {
    expect(readGrant({ SLURM_GPUS_ON_NODE: '4', CUDA_VISIBLE_DEVICES: '0' }).gpus).toBe(4);
    expect(readGrant({ CUDA_VISIBLE_DEVICES: 'GPU-1,GPU-2' }).gpus).toBe(2);
    for (const hidden of ['', 'NoDevFiles', '-1'])
      expect(readGrant({ CUDA_VISIBLE_DEVICES: hidden }).gpus).toBeUndefined();
    expect(readGrant({}).gpus).toBeUndefined();
  });
});

describe('labelsOf()', () => {
  it('reads name=value, and says what is none', () => {
    expect(labelsOf({ label: ['rack=a', 'site/disk=fast=yes'] })).toEqual({ rack: 'a', 'site/disk': 'fast=yes' });
    expect(labelsOf({})).toBeUndefined();
    for (const wrong of ['rack', '=a', 'rack=', 'rack=a b', ''])
      expect(() => labelsOf({ label: [wrong] })).toThrow(`--label is "${wrong}"`);
  });
});
