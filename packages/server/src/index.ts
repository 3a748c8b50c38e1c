/**
 * The Worker server as a library: gRPC, gRPC-Web and Connect over mutual TLS on one port. The program is `worker-server`.
 */
export { startServer, type JobOptions, type RunningServer, type StartServerOptions } from './start-server.ts';
export { defaultLimits, type ListenLimits } from './listen/limits.ts';
export { jsonLog, type Log, type LogEntry } from './log/log.ts';
export type { ServerIdentity } from './listen/tls-options.ts';
export type { RolesOf } from './authorize/policy.ts';
export type { RoleName } from './authorize/roles.ts';
export type { Principal } from './identify/principal.ts';
