/** The agent's gRPC face. */
import { type AgentServer, AgentService } from '#proto';
import { type RpcServiceBinding, serverStream, unary } from '#rpc';
import type { Agent } from './agent.ts';
import type { ClaimService } from './claims/claim-service.ts';
import type { NodeReports } from './node/node-report.ts';

export interface AgentServiceOptions {
  readonly agent: Agent;
  readonly reports: NodeReports;
  readonly claims: ClaimService;
}

export function agentService({ agent, reports, claims }: AgentServiceOptions): RpcServiceBinding {
  const implementation: Pick<AgentServer, 'apply' | 'report' | 'drain' | 'readClaim' | 'releaseClaims'> = {
    apply: unary((request) => {
      agent.apply(request);
      return { generation: agent.generation };
    }),
    report: serverStream((_request, { signal }) => reports.stream(signal)),
    drain: unary(async (request) => ({ killed: await agent.drain(request.graceMs) })),
    readClaim: serverStream(({ name }) => claims.read(name)),
    releaseClaims: unary(async (request) => {
      await claims.release(request);
      return {};
    }),
  };
  return [AgentService, implementation];
}
