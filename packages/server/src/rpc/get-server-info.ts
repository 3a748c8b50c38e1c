import type { MessageInitShape } from '@bufbuild/protobuf';
import type { GetServerInfoRequest, GetServerInfoResponseSchema } from '@worker/protocol';
import { bindMessage, wireModes, wireNetworks } from '../translate/isolation.ts';
import { ceilingsMessage, limitsMessage } from '../translate/limits.ts';
import { timestampOf } from '../translate/timestamp.ts';
import { version } from '../version.ts';
import type { Call, Host } from './call.ts';

export function getServerInfo(
  host: Host,
  _request: GetServerInfoRequest,
  call: Call,
): MessageInitShape<typeof GetServerInfoResponseSchema> {
  const { modes, networks, binds, defaultLimits, maxLimits } = host.runner.offers();
  return {
    version,
    principal: call.principal,
    methods: host.policy.methodsOf(call.principal),
    startTime: timestampOf(host.startedAt),
    capabilities: host.runner.capabilities().map(({ name, available, detail, cure = '' }) => ({ name, available, detail, cure })),
    defaultLimits: limitsMessage(defaultLimits),
    maxLimits: ceilingsMessage(maxLimits),
    isolationModes: modes.map((mode) => wireModes[mode]),
    networkModes: networks.map((network) => wireNetworks[network]),
    binds: binds.map(bindMessage),
    maxMessageBytes: BigInt(host.maxMessageBytes),
  };
}
