import type { CallOptions, Stevedore } from './index.js';

export { StevedoreError } from './index.js';

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
  /** Makes the Worker, which has to run worker.js as a module. For pages whose tools place that file elsewhere. */
  worker?: () => Worker;
  /** os/arch[/variant] to choose from an index where a request names none; linux/amd64 without it. */
  platform?: string;
  /** Registries, as host[:port], that are spoken to without TLS. Those on the loopback always are. */
  plainHttp?: string[];
  /** Way to the registries for calls that name no other. */
  relay?: Relay | null;
}

/**
 * The inputs of a call are not copied: a File or Blob is read by the Worker, slice by slice, and anything else through the
 * page. A folder that lists itself is listed when the call begins.
 */
export interface BrowserOptions extends CallOptions {
  /** Way to the registries for this call; null means directly. */
  relay?: Relay | null;
}

/**
 * What fetches in place of the page, for registries that do not let pages read their answers (CORS). Each request goes to
 * the relay's URL with the parameter `url` added to it, which says where it is meant to go; method, body and all other headers are those
 * meant for the registry. The relay follows redirects and says in the header `Stevedore-Url` where it ended.
 */
export interface Relay {
  /** Absolute. */
  url: string;
  /** Headers for the relay itself. */
  header?: Record<string, string>;
}
