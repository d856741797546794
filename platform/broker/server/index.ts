/** Running a nats-server: which program, with which configuration and permissions, at which port. */
export { checkServerVersion, locateServer, type ServerSearch } from './locate-server.ts';
export { rolePermissions, type SubjectPermissions } from './permissions.ts';
export { readServerAddress } from './ports-file.ts';
export { type ClusterOptions, renderServerConfig, type ServerConfigOptions } from './render-config.ts';
export type { TokenOnStreams } from './token-account.ts';
