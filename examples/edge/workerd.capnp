# The edge function on this machine: see README.md.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "edge", worker = .edge),
    # Private addresses too, for a registry on this machine. What may be reached is the function's own list, ALLOW.
    (name = "outside", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8787", http = (), service = "edge")],
);

const edge :Workerd.Worker = (
  compatibilityDate = "2025-10-01",
  bindings = [(name = "ALLOW", fromEnvironment = "ALLOW")],
  globalOutbound = "outside",
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "stevedore.wasm", wasm = embed "../../bin/stevedore-read.wasm"),
    (name = "stevedore", esModule = embed "../../wasm/js/index.js"),
    (name = "call.js", esModule = embed "../../wasm/js/call.js"),
    (name = "errors.js", esModule = embed "../../wasm/js/errors.js"),
    (name = "exchanges.js", esModule = embed "../../wasm/js/exchanges.js"),
    (name = "fault.js", esModule = embed "../../wasm/js/fault.js"),
    (name = "frame.js", esModule = embed "../../wasm/js/frame.js"),
    (name = "host.js", esModule = embed "../../wasm/js/host.js"),
    (name = "inputs.js", esModule = embed "../../wasm/js/inputs.js"),
    (name = "instance.js", esModule = embed "../../wasm/js/instance.js"),
    (name = "reactor.js", esModule = embed "../../wasm/js/reactor.js"),
    (name = "request.js", esModule = embed "../../wasm/js/request.js"),
    (name = "running.js", esModule = embed "../../wasm/js/running.js"),
    (name = "upload.js", esModule = embed "../../wasm/js/upload.js"),
    (name = "wasi.js", esModule = embed "../../wasm/js/wasi.js"),
  ],
);
