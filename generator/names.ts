import { faceMembers, undeclaredErrorName } from "./symbols.ts";

/** What is wrong with a name, and what to do about it. */
export interface NameFault {
  readonly reason: string;
  readonly remedy: string;
}

const ofEveryObject: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype));

/** Words that can't be a parameter's name, in the modules that generated code and handlers are. */
const reservedWords: ReadonlySet<string> = new Set(
  (
    "arguments await break case catch class const continue debugger default delete do else enum eval export extends false " +
    "finally for function if implements import in instanceof interface let new null package private protected public " +
    "return static super switch this throw true try typeof var void while with yield"
  ).split(" "),
);

/** Files that the generator writes beside those of the contracts. */
const ownFiles: ReadonlySet<string> = new Set(["index", "conformance", "task-docs"]);

/** What keeps a file's name from being a contract's. */
export function contractNameFault(name: string): NameFault | undefined {
  if (!/^[A-Za-z][\w-]{0,63}$/.test(name)) {
    return {
      reason: `a contract can't be called "${name}"`,
      remedy: `rename the file: a letter, then letters, digits, "-" or "_"; a name that starts with "_" is no contract's`,
    };
  }
  if (ownFiles.has(name)) {
    return {
      reason: `a contract can't be called "${name}"`,
      remedy: "rename the file: the generator writes one of that name",
    };
  }
  return memberFault("a contract", name);
}

/** What keeps an export's name from being a task's. */
export function taskNameFault(name: string): NameFault | undefined {
  if (name === "default") {
    return { reason: "a default export gives its task no name", remedy: "write export const addition = task({ … })" };
  }
  if (!isIdentifier(name))
    return { reason: `"${name}" is no identifier`, remedy: "export the task by a name that is one" };
  return memberFault("a task", name);
}

/** What keeps a name from being a parameter's. */
export function paramNameFault(name: string): NameFault | undefined {
  if (/^\d+$/.test(name)) {
    return {
      reason: `the parameter "${name}" would not stay in its place: JavaScript puts such keys first`,
      remedy: "call it by a word",
    };
  }
  if (!isIdentifier(name) || reservedWords.has(name)) {
    return { reason: `a parameter can't be called "${name}"`, remedy: "take a name that a variable can have" };
  }
  return objectFault("a parameter", name);
}

/** What keeps a name from being a declared error's. */
export function errorNameFault(name: string): NameFault | undefined {
  if (name === undeclaredErrorName) {
    return {
      reason: `a declared error can't be called "${name}"`,
      remedy: "rename it: that is what undeclared ones are called",
    };
  }
  if (!isIdentifier(name))
    return { reason: `the error "${name}" is no identifier`, remedy: "call it by a name that is one" };
  return objectFault("a declared error", name);
}

/** `user-orders` → `UserOrders`. */
export function prefixOf(contract: string): string {
  return contract
    .split(/[-_]+/)
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join("");
}

/** `user-orders` → `userOrders`. */
export function stemOf(contract: string): string {
  const prefix = prefixOf(contract);
  return prefix.charAt(0).toLowerCase() + prefix.slice(1);
}

/** Both layouts of a client are held free of clashes, so that a project can change from one to the other. */
function memberFault(what: string, name: string): NameFault | undefined {
  if (faceMembers.includes(name)) {
    return { reason: `${what} can't be called "${name}"`, remedy: "rename it: every client has a member of that name" };
  }
  if (name === "then") {
    return {
      reason: `${what} can't be called "${name}"`,
      remedy: "rename it: await would take the client for a promise",
    };
  }
  return objectFault(what, name);
}

function objectFault(what: string, name: string): NameFault | undefined {
  if (!ofEveryObject.has(name)) return undefined;
  return { reason: `${what} can't be called "${name}"`, remedy: "rename it: every object has a member of that name" };
}

function isIdentifier(name: string): boolean {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u.test(name);
}
