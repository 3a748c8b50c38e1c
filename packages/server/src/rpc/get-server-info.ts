import type { MessageInitShape } from '@bufbuild/protobuf';
import type { GetServerInfoRequest, GetServerInfoResponseSchema } from '@worker/protocol';
import { limitsMessage } from '../translate/job-message.ts';
import { timestampOf } from '../translate/timestamp.ts';
import { version } from '../version.ts';
import type { Call, Host } from './call.ts';

export function getServerInfo(
  host: Host,
  _request: GetServerInfoRequest,
  call: Call,
): MessageInitShape<typeof GetServerInfoResponseSchema> {
  return {
    version,
    principal: call.principal,
    methods: host.policy.methodsOf(call.principal),
    startTime: timestampOf(host.startedAt),
    capabilities: host.runner.capabilities().map(({ name, available, detail }) => ({ name, available, detail })),
    defaultLimits: limitsMessage(host.defaultLimits),
    maxMessageBytes: BigInt(host.maxMessageBytes),
  };
}
