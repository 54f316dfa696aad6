/** Makes something smaller of the items of one call, in the Worker. */
export interface Packer {
  /** Takes items as JSON, one a line; gives what the page gets in their place, and what of it is handed over. */
  pack(lines: string): { value: unknown; transfer: Transferable[] };
}

/** Is a Worker's script: it runs the module, and packs the items of calls that ask for it by the name of a packer. */
export function serve(packers?: Record<string, () => Packer>): void;
