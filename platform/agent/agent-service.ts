/** The agent's gRPC face. */
import type { NatsConnection } from '@nats-io/transport-node';
import { type AgentInvokeRequest, type AgentInvokeResponse, type AgentServer, AgentService } from '#proto';
import { bidiStream, type RpcServiceBinding, serverStream, unary } from '#rpc';
import type { Agent } from './agent.ts';
import { Invocation } from './invocation.ts';
import type { NodeReports } from './node-report.ts';

export interface AgentServiceOptions {
  readonly agent: Agent;
  readonly reports: NodeReports;
  readonly connection: NatsConnection;
}

/** Outcomes waiting for a gateway that reads slowly; past it its calls are read no further (R6). */
const outcomesWaitingMax = 4_096;

export function agentService(options: AgentServiceOptions): RpcServiceBinding {
  const { agent, reports } = options;
  const implementation: Pick<AgentServer, 'apply' | 'report' | 'drain' | 'invoke'> = {
    apply: unary((request) => {
      agent.apply(request);
      return { generation: agent.generation };
    }),
    report: serverStream((_request, { signal }) => reports.stream(signal)),
    drain: unary(async (request) => ({ killed: await agent.drain(request.graceMs) })),
    invoke: bidiStream((requests, { signal }) => invokeStream(options, requests, signal)),
  };
  return [AgentService, implementation];
}

/** Runs each call as it comes and yields outcomes as they are there. */
async function* invokeStream(
  { agent, connection }: AgentServiceOptions,
  requests: AsyncIterable<AgentInvokeRequest>,
  signal: AbortSignal,
): AsyncGenerator<AgentInvokeResponse, void, void> {
  const outcomes: AgentInvokeResponse[] = [];
  const running = new Map<string, Invocation>();
  let wake = Promise.withResolvers<void>();
  let ended = false;
  const read = async () => {
    for await (const { command } of requests) {
      if (command?.$case === 'cancelCallId') running.get(command.cancelCallId)?.cancel();
      if (command?.$case !== 'call') continue;
      const invocation = new Invocation({ agent, connection, publisher: agent.publisher });
      running.set(command.call.callId, invocation);
      const { callId } = command.call;
      const tell = (outcome: AgentInvokeResponse) => {
        outcomes.push(outcome);
        wake.resolve();
      };
      const onChunk = (chunk: Buffer) => tell({ ...pieceOf(callId), outcome: { $case: 'chunk', chunk } });
      void invocation.run(command.call, onChunk).then((outcome) => {
        running.delete(callId);
        tell(outcome);
      });
      while (outcomes.length + running.size >= outcomesWaitingMax && !signal.aborted)
        await agent.clock.sleep(5, signal);
    }
  };
  const reading = read()
    // The gateway went away: its calls run on, their outcomes have no reader.
    .catch(() => undefined)
    .finally(() => {
      ended = true;
      wake.resolve();
    });
  signal.addEventListener('abort', () => wake.resolve(), { once: true });
  while (!signal.aborted) {
    yield* outcomes.splice(0);
    if (ended && running.size === 0 && outcomes.length === 0) break;
    if (outcomes.length === 0) await wake.promise;
    wake = Promise.withResolvers<void>();
  }
  if (!signal.aborted) await reading;
}

function pieceOf(callId: string): Omit<AgentInvokeResponse, 'outcome'> {
  return { callId, instance: '', cold: false, durationMs: 0, headers: {} };
}
