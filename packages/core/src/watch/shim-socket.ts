import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { create, fromBinary } from '@bufbuild/protobuf';
import type { ShimEvent } from '@worker/supervisor';
import { ShimEventSchema, ShimRequestSchema } from '@worker/supervisor';
import { encodeFrame, FrameDecoder } from '../launch/frame-codec.ts';
import type { ConnectionEnd, ShimRequestInit, ShimWire } from './shim-wire.ts';

/** The socket in a job's directory. */
export class ShimSocket implements ShimWire {
  readonly isRelayed = false;
  readonly #path: string;
  #socket: Socket | undefined;
  #destroyed = false;

  constructor(path: string) {
    this.#path = path;
  }

  open(onEvent: (event: ShimEvent) => void, onEnd: (end: ConnectionEnd) => void): void {
    const decoder = new FrameDecoder();
    let error: (Error & { code?: string }) | undefined;
    const socket = connect({ path: this.#path });
    this.#socket = socket;
    socket.on('data', (piece: Buffer) => {
      try {
        for (const frame of decoder.push(piece)) onEvent(fromBinary(ShimEventSchema, frame));
      } catch (failure) {
        socket.destroy(failure instanceof Error ? failure : new Error(String(failure)));
      }
    });
    socket.on('error', (failure) => (error = failure));
    socket.on('close', () => onEnd(this.#destroyed ? { kind: 'destroyed' } : endOf(error)));
  }

  send(request: ShimRequestInit): void {
    this.#socket?.write(encodeFrame(ShimRequestSchema, create(ShimRequestSchema, request)));
  }

  destroy(): void {
    this.#destroyed = true;
    this.#socket?.destroy();
  }
}

function endOf(error: (Error & { code?: string }) | undefined): ConnectionEnd {
  if (error?.code === 'ECONNREFUSED') return { kind: 'nobody' };
  if (error?.code === 'ENOENT') return { kind: 'absent' };
  return { kind: 'cut', ...(error === undefined ? {} : { error }) };
}
