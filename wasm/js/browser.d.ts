import type { CallOptions, Stevedore } from './index.js';
import type { Relay } from './relay.js';

export { StevedoreError } from './index.js';
export type { Relay } from './relay.js';

/**
 * Runs stevedore-js.wasm in a Worker and makes its verbs callable. Calls run side by side in the one Worker, and none takes
 * time of the page's own thread. Where the module dies, its calls reject with kind internal, and the next call starts another
 * Worker. A URL is compiled while it loads; it is resolved against the page.
 */
export function connect(
  source: string | URL | WebAssembly.Module | BufferSource | Response | Promise<Response>,
  options?: ConnectOptions,
): Promise<Stevedore<BrowserOptions>>;

export interface ConnectOptions {
  /** URL of the wasm_exec.js of the Go release that built the module; without it, the one beside the module's URL. */
  exec?: string | URL;
  /** Makes the Worker, which has to run worker.js as a module, or a script that calls serve. For pages whose tools place that file elsewhere. */
  worker?: () => Worker;
  /** os/arch[/variant] to choose from an index where a request names none; linux/amd64 without it. */
  platform?: string;
  /** Registries, as host[:port], that are spoken to without TLS. Those on the loopback always are. */
  plainHttp?: string[];
  /** Reads the registries that let no page read them (CORS), for calls that name no other. */
  relay?: Relay | null;
  /** Keeps the blobs of registries in the browser's storage, by digest, and fetches none of them again. */
  keep?: boolean;
}

/**
 * The inputs of a call are not copied: a File or Blob is read by the Worker, slice by slice, and anything else through the
 * page. A folder that lists itself is listed when the call begins.
 */
export interface BrowserOptions extends CallOptions {
  /** The relay of this call; null means none. */
  relay?: Relay | null;
  /**
   * Keeps the items of this call in the browser's storage under a name, once it has ended well; the next call of that name is
   * given them, with the warnings, and does not run. The name has to say all that the items depend on: the verb and its
   * request, the content (by digest, never by tag) and the build of the module. A call without items is never kept.
   */
  keepAs?: string;
  /** Runs the call all the same, and keeps what comes of it now. */
  renew?: boolean;
  /** Is told, before the first item, that they are those of an earlier call. */
  onKept?: () => void;
  /**
   * Has the items of this call packed in the Worker, by a packer that its script gave to serve, and takes what that makes of
   * them. The call itself then gives none. The next ones are made, and no more, until what take returned has resolved.
   */
  packed?: { by: string; take: (value: unknown) => void | Promise<void> };
}
