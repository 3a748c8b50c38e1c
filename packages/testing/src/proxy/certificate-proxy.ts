import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Agent, request as requestOverTls } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { DevCertificates } from '../serve/dev-certificates.ts';

export interface CertificateProxyOptions {
  /** Of the server. */
  readonly url: string;
  readonly certificates: DevCertificates;
  /** Whose certificate it shows. Default `owner@example.com`. */
  readonly email?: string;
}

/** A plain HTTP server on loopback that passes every request on to a Worker server, with a certificate of its own: what stands between a browser and Worker. Nothing is kept back, and a cut is passed on. */
export class CertificateProxy implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #agent: Agent;

  private constructor(server: Server, agent: Agent) {
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#server = server;
    this.#agent = agent;
  }

  static async open({ url, certificates, email = 'owner@example.com' }: CertificateProxyOptions): Promise<CertificateProxy> {
    const { cert, key } = certificates.client(email);
    const agent = new Agent({
      ca: readFileSync(certificates.ca),
      cert: readFileSync(cert),
      key: readFileSync(key),
      minVersion: 'TLSv1.3',
      // A Worker server wants it said.
      ALPNProtocols: ['http/1.1'],
    });
    const server = createServer((request, response) => passOn(request, response, url, agent)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new CertificateProxy(server, agent);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await closed;
  }
}

function passOn(request: IncomingMessage, response: ServerResponse, url: string, agent: Agent): void {
  const headers = { ...request.headers };
  delete headers.host;
  const upstream = requestOverTls(new URL(request.url ?? '/', url), { agent, method: request.method, headers });
  upstream.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers).flushHeaders();
    answer.pipe(response);
    // A response that was cut must not look as if it had ended.
    answer.on('error', () => response.destroy());
  });
  upstream.on('error', () => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502).end();
  });
  response.on('close', () => upstream.destroy());
  request.pipe(upstream);
}
