import { emitConformance } from "./emit-conformance.ts";
import { emitContract } from "./emit-contract.ts";
import { docsName, emitDocs } from "./emit-docs.ts";
import { emitIndex } from "./emit-index.ts";
import type { Model } from "./model.ts";

/**
 * The generated files of a model: their names in the generated folder, and their texts.
 *
 * Pure, and the same for the same model to the byte: no time, no version, everything sorted, one item a line, LF.
 */
export function emit(model: Model): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const contract of model.contracts) files.set(`${contract.name}.ts`, emitContract(contract, model));
  files.set("conformance.ts", emitConformance(model));
  files.set("index.ts", emitIndex(model));
  files.set(`${docsName}.ts`, emitDocs(model));
  return files;
}
