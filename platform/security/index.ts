/** Who is who in a pilot: certificates, NATS keys, and files that only their owner can read. */
export type { Certificate, CertificateAuthority, CertificateRequest } from './certificates.ts';
export { loadCertificates } from './load-certificates.ts';
export { createNatsKey, isPublicNatsKey, type NatsKey, natsSigner } from './nkeys.ts';
export { assertPrivateDirectory, makePrivateDirectory, readPrivate, stampOf, writePrivate } from './private-files.ts';
export { removeTree, removeTreeMeanwhile } from './remove-tree.ts';
export { agentServerName, brokerServerName, gatewayServerName, serverNameOf } from './server-names.ts';
