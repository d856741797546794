/** The pilot's nodes as rows of slots: who holds each, and whether it works, starts or drains. */
import { useMemo } from 'preact/hooks';
import type { Instance, Node, PilotJob } from '#proto';
import { bytesText, spanText } from '../format.ts';
import { colourOf, linkTo, may, snapshot } from '../state.ts';
import { ActionButton } from './action-button.tsx';
import { Bar } from './bar.tsx';

/** How a slot looks, and what that says. */
const looks = [
  ['busy', 'b', 'works'],
  ['ready', 'r', 'waits for work'],
  ['starting', 's', 'starts'],
  ['draining', 'd', 'drains'],
  ['free', '', 'free'],
] as const;

export function NodeMap({ nodes, jobs }: { readonly nodes: readonly Node[]; readonly jobs: readonly PilotJob[] }) {
  return (
    <>
      <ul class="nodes">
        {nodes.map((node) => (
          <NodeCard key={node.id} node={node} job={jobs.find((job) => job.nodes.includes(node.id))} />
        ))}
      </ul>
      <p class="key quiet">
        {looks.map(([look, sign, words]) => (
          <span key={look}>
            <span class={`slot ${look} c8`}>{sign}</span> {words}
          </span>
        ))}
      </p>
    </>
  );
}

function NodeCard({ node, job }: { readonly node: Node; readonly job: PilotJob | undefined }) {
  const now = snapshot.value?.timeMs ?? 0;
  const left = job && job.endsAtMs > 0 ? job.endsAtMs - now : undefined;
  const whole = job && job.endsAtMs > 0 ? job.endsAtMs - job.startedAtMs : 0;
  const held = node.instances.filter(({ state }) => state !== 'spare' && state !== 'stopped');
  const free = Math.max(0, node.slots - node.slotsUsed);
  return (
    <li class={`node ${node.state}`}>
      <div class="node-head">
        <b>{node.id}</b>
        <span class={`state ${node.state}`}>{node.state}</span>
        <span class="quiet num">
          {node.slotsUsed}/{node.slots}
        </span>
      </div>
      <Slots instances={held} free={free} />
      <div class="node-foot quiet">
        <span title={`confined by ${node.isolation?.tier}`}>{bytesText(node.memoryBytes)}</span>
        {left !== undefined && (
          <span title="Walltime left">
            <Bar value={left} max={whole} label="Walltime left" />
            {spanText(left)}
          </span>
        )}
        {may('DrainNode') && node.state === 'ready' && (
          <ActionButton
            method="DrainNode"
            request={{ node: node.id, graceMs: 30_000 }}
            label="Drain"
            confirm={`Drain ${node.id}? It takes nothing more, and hands back what it has not begun.`}
          />
        )}
      </div>
    </li>
  );
}

/** Two thousand of them stand on the page of a large pilot: what looks as before is not touched. */
function Slots({ instances, free }: { readonly instances: readonly Instance[]; readonly free: number }) {
  const colours = colourOf.value;
  const drawn = instances.map((each) => `${each.id} ${lookOf(each)}`).join();
  return useMemo(
    () => (
      <div class="slots">
        {instances.map((instance) => (
          <Slot key={instance.id} instance={instance} />
        ))}
        {Array.from({ length: free }, (_, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: free slots are all alike.
          <span key={`free-${at}`} class="slot free" />
        ))}
      </div>
    ),
    [drawn, free, colours],
  );
}

function lookOf({ state, busy }: Instance): string {
  return state === 'ready' ? (busy > 0 ? 'busy' : 'ready') : state;
}

function Slot({ instance }: { readonly instance: Instance }) {
  const { function: name, id, pid } = instance;
  const look = lookOf(instance);
  const said = `${name}, ${look}, instance ${id}, pid ${pid}`;
  return (
    <a
      class={`slot ${look} c${colourOf.value.get(name) ?? 8}`}
      href={linkTo('functions', name)}
      title={said}
      aria-label={said}
    >
      {name.slice(0, 2)}
    </a>
  );
}
