// Runs a Go test binary: run.mjs WASM_EXEC_JS BINARY ARGUMENTS..., in Node and in Deno.
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

const [glue, binary, ...args] = process.argv.slice(2);
Object.assign(globalThis, { fs, path });
globalThis.process ??= process;
await import(pathToFileURL(glue).href);

const go = new globalThis.Go();
go.argv = [binary, ...args];
for (const name of ["FETCHTEST_SERVER", "FETCHTEST_UPLOAD", "FETCHTEST_HOST"]) go.env[name] = process.env[name];
go.exit = (code) => process.exit(code);
const { instance } = await WebAssembly.instantiate(fs.readFileSync(binary), go.importObject);
await go.run(instance);
