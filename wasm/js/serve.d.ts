/** Makes something smaller of the items of one call, in the Worker. */
export interface Packer {
  /** Takes items as JSON, one a line; gives what the page gets in their place, and what of it is handed over. */
  pack(lines: string): { value: unknown; transfer: Transferable[] };
}

/** Code of others that does what the module does as well, and is faster. */
export interface Means {
  /** URL of zip-module.wasm of @zip.js/zip.js, to undo gzip. */
  zlib?: string;
  /** createSHA256 of hash-wasm. */
  sha256?: () => Promise<Sha256Hasher>;
}

/** What a hasher of hash-wasm is used for. */
export interface Sha256Hasher {
  init(): unknown;
  update(bytes: Uint8Array): unknown;
  save(): Uint8Array;
  load(state: Uint8Array): unknown;
  digest(as: 'binary'): Uint8Array;
}

/** Is a Worker's script: it runs the module, and packs the items of calls that ask for it by the name of a packer. */
export function serve(packers?: Record<string, () => Packer>, means?: Means): void;
