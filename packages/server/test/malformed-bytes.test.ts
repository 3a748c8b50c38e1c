import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { eventually } from '@worker/testing';
import { describe, expect, it } from 'vitest';
import { Bed } from './bed/bed.ts';
import { emptySettings, frame, preface, requestHeaders } from './bed/frames.ts';
import { closed, infoPath, socket } from './bed/raw.ts';
import { openUnharmedBed } from './bed/unharmed-bed.ts';

const bed = await openUnharmedBed();

describe('raw bytes', () => {
  it.each([
    ['garbage instead of the preface', randomBytes(10_000)],
    ['garbage after the preface', Buffer.concat([preface, emptySettings, randomBytes(10_000)])],
    ['a frame that is longer than allowed', Buffer.concat([preface, emptySettings, frame(0, 0, 1, Buffer.alloc(70_000))])],
    [
      'headers that never end',
      Buffer.concat([
        preface,
        emptySettings,
        frame(1, 0, 1, Buffer.from([0x82])),
        ...Array.from({ length: 20_000 }, () => frame(9, 0, 1, Buffer.from([0x82]))),
      ]),
    ],
    [
      'a stream of empty DATA',
      Buffer.concat([
        preface,
        emptySettings,
        frame(1, 4, 1, requestHeaders()),
        ...Array.from({ length: 20_000 }, () => frame(0, 0, 1, Buffer.alloc(0))),
      ]),
    ],
    ['SETTINGS without end', Buffer.concat([preface, ...Array.from({ length: 20_000 }, () => emptySettings)])],
    ['PING without end', Buffer.concat([preface, emptySettings, ...Array.from({ length: 50_000 }, () => frame(6, 0, 0, Buffer.alloc(8)))])],
    [
      'duplicate pseudo-headers',
      Buffer.concat([preface, emptySettings, frame(1, 5, 1, Buffer.concat([requestHeaders(), requestHeaders()]))]),
    ],
    [
      'window updates that overflow',
      Buffer.concat([preface, emptySettings, ...Array.from({ length: 3 }, () => frame(8, 0, 0, Buffer.from([0x7f, 0xff, 0xff, 0xff])))]),
    ],
  ])('%s: the connection ends, the server does not [NET-3]', async (_, bytes) => {
    const opened = await socket(bed, 'h2');
    opened.resume().write(bytes);
    try {
      await closed(opened, 'the server closed the connection, if by its idle limit');
    } finally {
      opened.destroy();
    }
  });

  it.each([
    ['garbage', randomBytes(10_000)],
    ['a header line without end', Buffer.concat([Buffer.from(`POST ${infoPath} HTTP/1.1\r\nHost: a\r\nX: `), Buffer.alloc(100_000, 'a')])],
    ['two lengths', Buffer.from(`POST ${infoPath} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}`)],
    [
      'a length and chunks',
      Buffer.from(`POST ${infoPath} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
    ],
    ['CONNECT', Buffer.from('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n')],
    ['an upgrade', Buffer.from(`GET ${infoPath} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)],
    ['HTTP/1.0 without a host', Buffer.from(`POST ${infoPath} HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}`)],
  ])('HTTP/1.1, %s: the connection ends, the server does not [NET-3]', async (_, bytes) => {
    const opened = await socket(bed, 'http/1.1');
    opened.resume().write(bytes);
    try {
      await closed(opened, 'the server closed the connection, if by its idle limit');
    } finally {
      opened.destroy();
    }
  });

  it('a handshake that never comes is ended [NET-3]', async () => {
    await using impatient = await Bed.open({ limits: { handshakeMs: 300 } });
    const opened = connect(impatient.port, '127.0.0.1')
      .on('error', () => undefined)
      .resume();
    opened.write(randomBytes(10));
    await closed(opened, 'the server closed the connection');
    const refused = await eventually(() => impatient.log.find(({ message }) => message === 'a TLS handshake was refused'), {
      what: 'a line in the log',
    });
    expect(refused.peer ?? '127.0.0.1 1').toMatch(/^127\.0\.0\.1 [1-9]/);
  });
});
