# The relay on this machine: see README.md.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "relay", worker = .relay),
    # Private addresses too, for a registry on this machine. What may be reached is the list ALLOW.
    (name = "outside", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8788", http = (), service = "relay")],
);

const relay :Workerd.Worker = (
  compatibilityDate = "2025-10-01",
  bindings = [
    (name = "ALLOW", fromEnvironment = "ALLOW"),
    (name = "ORIGINS", fromEnvironment = "ORIGINS"),
    (name = "TOKEN", fromEnvironment = "TOKEN"),
    (name = "SEAL", fromEnvironment = "SEAL"),
  ],
  globalOutbound = "outside",
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "policy.js", esModule = embed "policy.js"),
    (name = "target.js", esModule = embed "target.js"),
    (name = "headers.js", esModule = embed "headers.js"),
    (name = "seal.js", esModule = embed "seal.js"),
    (name = "bounded.js", esModule = embed "bounded.js"),
  ],
);
