import type { ContractFile } from "./load.ts";
import { prefixOf } from "./names.ts";
import { isGenerated } from "./page.ts";
import { parse, ts } from "./read.ts";

/**
 * The tasks that a contract had, by its generated file as it was: those in its table, and those that were removed
 * before and whose handlers may still be there.
 */
export function formerTasks(contract: ContractFile, text: string | undefined): readonly string[] {
  if (text === undefined || !isGenerated(text)) return [];
  const prefix = prefixOf(contract.name);
  const tables = new Set([`${prefix}Signatures`, `${prefix}HandlersGiven`]);
  return parse(contract.name, text)
    .tree.statements.filter((statement) => ts.isInterfaceDeclaration(statement))
    .filter((table) => tables.has(table.name.text))
    .flatMap((table) => table.members)
    .flatMap(({ name }) => (name !== undefined && ts.isIdentifier(name) ? [name.text] : []));
}
