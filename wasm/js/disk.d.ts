import type { InputDirectory, InputFile } from './index.js';

/** A file or directory of the disk as an input. Nothing is read before a call asks for it. Rejects where there is none. */
export function input(path: string): Promise<InputFile | InputDirectory>;
