import type { Verbs } from './verbs.js';

export * from './verbs.js';

/**
 * Makes the verbs of stevedore.wasm callable, in Node, Deno, Bun, workerd, a page or a Worker. The module is compiled once;
 * each call runs in an instance of its own.
 */
export function load(source: WebAssembly.Module | BufferSource | Response | Promise<Response>, options?: LoadOptions): Promise<Stevedore>;

export interface LoadOptions {
  /** Sends every request, in place of the global fetch. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Says whether a URL may be fetched, redirects included. Without it every http and https URL may. */
  allow?: (url: string) => boolean | Promise<boolean>;
  /** os/arch[/variant] to choose from an index where a request names none; linux/amd64 without it. */
  platform?: string;
  /** Registries, as host[:port], that are spoken to without TLS. Those on the loopback always are. */
  plainHttp?: string[];
}

/** A method for each verb, and what all of them are. */
export interface Stevedore<Options = CallOptions> extends Verbs<Options> {
  /** Names of the verbs. */
  readonly verbs: readonly string[];
  /** Version of the module. */
  readonly release: string;
  /** Runs a verb by its name. */
  call(verb: string, request?: object, options?: Options): ListCall<any>;
  /** Lets go of the module. */
  close(): void;
}

/**
 * A call starts when it is awaited or asked for its text or bytes. It runs once, however often it is asked.
 * It rejects with a StevedoreError, or with what a callback of its options threw.
 */
export interface Call<T> extends Promise<T> {
  /** The exact JSON of the result; of a verb that lists, an array of the exact items. Large numbers are whole in it. */
  text(): Promise<string>;
  /** What the verb wrote, where it went to no output of the options. */
  bytes(): Promise<Uint8Array>;
}

/**
 * A call whose result are items. It is awaited, for all of them, or iterated, for one after the other: then the verb goes no
 * faster than the items are taken, and leaving the loop cancels it.
 */
export interface ListCall<T> extends Call<T[]>, AsyncIterable<T> {}

export interface CallOptions {
  /** Cancels the call, which then rejects with kind cancelled. */
  signal?: AbortSignal;
  /** Is told what happens while the verb runs. */
  onEvent?: (event: Event) => void;
  /** Asked for the credential of a registry, host[:port] as in a reference, when it wants one. Nothing means anonymous. */
  credentials?: (registry: string) => MaybePromise<Credential | null | undefined>;
  /** The files that the call may read, by the names that its request uses. */
  inputs?: Inputs;
  /** Takes what the verb writes, piece by piece; the verb waits for what it returns. Without it, the result has it as bytes. */
  output?: (name: string, bytes: Uint8Array) => void | Promise<void>;
  /** Is told at the end how much memory the module holds, in bytes. */
  onMemory?: (bytes: number) => void;
}

export type MaybePromise<T> = T | Promise<T>;

/** What a verb reports while it runs. */
export interface Event {
  kind: 'started' | 'progress' | 'finished' | 'warning' | 'retry';
  /** a digest or a reference */
  subject?: string;
  /** bytes */
  done?: number;
  /** bytes; missing where it is not known */
  total?: number;
  /** words; of a blob that starts what it is, of a copy as a whole "image", of a blob that is finished "stored", "existed", "mounted" or "linked" */
  message?: string;
}

/** A user name with a password, or a bearer token that is sent as it is. */
export interface Credential {
  username?: string;
  password?: string;
  token?: string;
}

/** The files of a page (each by its path in a chosen folder, or its name), or files and folders by name ("a/b" names b in a). */
export type Inputs = Iterable<File> | InputFolder;
export type InputFolder = ReadonlyMap<string, Input> | { [name: string]: Input };
export type Input = Blob | ArrayBuffer | ArrayBufferView | InputFile | InputDirectory | InputFolder;

/** A file that is read by pieces; where it has to be opened, it is closed at the end of the call. */
export type InputFile = { size: number } & (Readable | { open(): MaybePromise<Readable & { close?(): unknown }> });

export interface Readable {
  /** At most length bytes, fewer only at the end of the file. */
  read(offset: number, length: number): MaybePromise<Uint8Array>;
}

/** A folder that is listed when it is asked for. */
export interface InputDirectory {
  list(): MaybePromise<{ name: string; dir?: boolean; size?: number }[]>;
  /** A file or folder in it; nothing where there is none of that name. */
  open(name: string): MaybePromise<Input | undefined>;
}

/** The kinds of errors, with the exit status of the command line for each. */
export type ErrorKind =
  | 'internal' // 1: anything unforeseen
  | 'input' // 2: malformed reference, file or request
  | 'not_found' // 3: no such image, tag, platform, file
  | 'unauthorized' // 4: who you are
  | 'denied' // 4: what you may do
  | 'verification' // 5: digest or size mismatch, signature or policy refused
  | 'network' // 6: could not reach it
  | 'rate_limited' // 6: was told to wait
  | 'unsupported' // 7: this endpoint or this host cannot do that
  | 'partial' // 8: some jobs of many failed
  | 'differs' // 9: a comparison found a difference
  | 'cancelled'; // 130: by the caller

export class StevedoreError extends Error {
  constructor(kind: ErrorKind, message: string, more?: { hint?: string; cause?: unknown });
  readonly kind: ErrorKind;
  /** What to do about it; may be empty. */
  readonly hint: string;
  /** Exit status of the command line for an error of this kind. */
  readonly exit: number;
  toJSON(): { kind: ErrorKind; message: string; hint?: string };
}
