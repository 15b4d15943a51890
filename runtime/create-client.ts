import { type ClientOptions, openClient } from "./client.ts";
import { NodeServer } from "./node-server.ts";
import type { Registry } from "./registry.ts";

/** Makes the typed face of a registry of contracts. */
export function createClient<Face>(registry: Registry, options: ClientOptions): Face {
  const serveNode = (...given: ConstructorParameters<typeof NodeServer>): NodeServer => new NodeServer(...given);
  return openClient(options, { serveNode }).face(registry) as Face;
}
