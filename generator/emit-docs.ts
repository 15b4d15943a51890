import type { Model } from "./model.ts";
import { fileText, headerOf } from "./page.ts";

/** The file's name, without its ending. */
export const docsName = "task-docs";

/**
 * The generated texts of the tasks' doc comments.
 *
 * A file of its own, which the door imports only for those who ask what tasks there are: clients do not pay for it.
 */
export function emitDocs(model: Model): string {
  const entries = model.contracts.flatMap(({ name, tasks }) =>
    tasks.flatMap(({ name: task, doc }) =>
      doc === undefined ? [] : [`  ${JSON.stringify(`${name}.${task}`)}: ${JSON.stringify(textOf(doc))},`],
    ),
  );
  return fileText([
    [headerOf("the contracts", "a contract", model)],
    [
      "/** What the contracts say of their tasks, by the names on the wire. */",
      ...(entries.length === 0
        ? ["export const docs: { readonly [name: string]: string } = {};"]
        : ["export const docs: { readonly [name: string]: string } = {", ...entries, "};"]),
    ],
  ]);
}

/** A doc comment's text, without the marks of the comment. */
function textOf(doc: string): string {
  const lines = doc
    .replace(/^\/\*\*/, "")
    .replace(/\*\/$/, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\*( |$)/, "").trimEnd());
  return lines.join("\n").trim();
}
