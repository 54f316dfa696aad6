// What a TypeScript program writes that uses the npm package; tests/types_test.go compiles it.

import { load, StevedoreError, type CallOptions, type ErrorKind, type FileItem, type InspectOut } from 'stevedore';
import { connect, type Relay } from 'stevedore/browser';
import { input } from 'stevedore/disk';
import { claimRelay, relayFetch } from 'stevedore/relay';

const stevedore = await load(fetch('stevedore.wasm'), { platform: 'linux/arm64', allow: url => url.startsWith('https://ghcr.io/') });
const options: CallOptions = {
  signal: AbortSignal.timeout(1000),
  onEvent: event => console.log(event.kind, event.done ?? 0),
  credentials: async registry => (registry === 'ghcr.io' ? { token: 'x' } : null),
  inputs: { 'a.tar': new Uint8Array(3), layout: { 'index.json': new Blob(['{}']) }, disk: await input('/tmp') },
  output: (name, bytes) => console.log(name, bytes.length),
};

const image: InspectOut = await stevedore.inspect({ ref: 'alpine:3.20', platform: 'linux/arm64' }, options);
console.log(image.kind === 'index', image.manifests?.[0]?.digest);
const raw: Uint8Array | undefined = (await stevedore.inspect({ ref: 'alpine', raw: true })).bytes;
const text: string = await stevedore.digest({ file: 'a.tar' }, options).text();
for await (const file of stevedore.files({ ref: 'oci:layout', globs: ['*.so'] })) console.log(file.path, file.layer);
const all: FileItem[] = await stevedore.files({ ref: 'oci:layout' });
const tags: string[] = await stevedore.tags({ ref: 'alpine', limit: 3 });
await stevedore.version();
await stevedore.manifestHead({ ref: 'alpine:3.20' });
await stevedore.call(stevedore.verbs[0] ?? 'inspect', { ref: 'alpine' });
console.log(raw, text, all, tags);

// @ts-expect-error a request needs its reference
stevedore.inspect({});
// @ts-expect-error a field that there is not
stevedore.inspect({ ref: 'alpine', platfrom: 'linux/amd64' });
// @ts-expect-error only a list is iterated
for await (const _ of stevedore.inspect({ ref: 'alpine' }));
// @ts-expect-error a relay is for pages
stevedore.inspect({ ref: 'alpine' }, { relay: null });

const relay: Relay = claimRelay() ?? { base: 'http://127.0.0.1:8080/relay/', token: 't' };
const page = await connect(new URL('stevedore-js.wasm', 'https://example.test/'), { relay, worker: () => new Worker('worker.js', { type: 'module' }) });
const folder = document.querySelector<HTMLInputElement>('input[webkitdirectory]')!;
try {
  await page.cat({ ref: 'docker-archive:a.tar', path: '/etc/passwd' }, { inputs: folder.files!, relay: null });
} catch (err) {
  const kind: ErrorKind | undefined = err instanceof StevedoreError ? err.kind : undefined;
  console.log(kind, JSON.stringify(err));
}
page.close();
await load(fetch('stevedore.wasm'), { fetch: relayFetch(relay) });
