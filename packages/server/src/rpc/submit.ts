import type { MessageInitShape } from '@bufbuild/protobuf';
import { CoreError, splitCommand } from '@worker/core';
import type { Command, JobIdSchema } from '@worker/protocol';
import { fieldRefusal } from '../fail/refusal.ts';
import type { Call, Host } from './call.ts';

export async function submit(host: Host, request: Pick<Command, 'command'>, call: Call): Promise<MessageInitShape<typeof JobIdSchema>> {
  const argv = splitCommand(request.command);
  try {
    const { job } = await host.runner.submit({ argv, owner: call.principal });
    return { id: job.id };
  } catch (error) {
    // This request has one field; the words that core speaks of are parts of it.
    if (error instanceof CoreError && error.code === 'invalid-argument')
      throw fieldRefusal('command', `splits into words that cannot be run: ${error.message}`);
    throw error;
  }
}
