/* global Response */
// What a page would do. What is wanted comes by the URL, as it would there.
const wanted = new URL(import.meta.url).searchParams;
const { BrowserClient, WorkerError, toLines, toReadableStream } = await import(wanted.get('bundle'));
const say = (what) => console.log(JSON.stringify(what));

const client = new BrowserClient({ baseUrl: wanted.get('url') });
say({ principal: (await client.info()).principal });

const { job } = await client.submit({
  argv: ['sh', '-c', 'echo größe; read _ <"$GATE"; echo after; exit 7'],
  env: JSON.parse(wanted.get('env')),
  isolation: { mode: 'host' },
});
const events = client.follow(job.id, {
  reconnect: { minDelayMs: 10, maxDelayMs: 200 },
  onConnection: ({ kind, offset }) => say({ [kind]: offset }),
});
for await (const event of toLines(events)) {
  if (event.kind === 'line') say({ line: event.text });
  if (event.kind === 'end') say({ exitCode: event.job.exitCode, complete: event.complete, length: event.length });
}
say({ bytes: (await new Response(toReadableStream(client.follow(job.id))).arrayBuffer()).byteLength });

const quiet = await client.submit({ argv: ['sleep', '1000'], env: JSON.parse(wanted.get('env')), isolation: { mode: 'host' } });
const reader = toReadableStream(client.follow(quiet.job.id)).getReader();
const pending = reader.read();
await reader.cancel();
say({ cancelled: (await pending).done });
say({ stopped: (await client.stop(quiet.job.id)).job.state });

for (const wrong of [() => client.follow(job.id, { offset: -1 }).next(), () => client.get('01980000-0000-7000-8000-000000000000')]) {
  const error = await wrong().catch((thrown) => thrown);
  say({ code: error instanceof WorkerError && error.code });
}
