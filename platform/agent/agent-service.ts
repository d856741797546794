/** The agent's gRPC face. */
import { type AgentServer, AgentService } from '#proto';
import { type RpcServiceBinding, serverStream, unary } from '#rpc';
import type { Agent } from './agent.ts';
import type { NodeReports } from './node-report.ts';

export interface AgentServiceOptions {
  readonly agent: Agent;
  readonly reports: NodeReports;
}

export function agentService({ agent, reports }: AgentServiceOptions): RpcServiceBinding {
  const implementation: Pick<AgentServer, 'apply' | 'report' | 'drain'> = {
    apply: unary((request) => {
      agent.apply(request);
      return { generation: agent.generation };
    }),
    report: serverStream((_request, { signal }) => reports.stream(signal)),
    drain: unary(async (request) => ({ killed: await agent.drain(request.graceMs) })),
  };
  return [AgentService, implementation];
}
