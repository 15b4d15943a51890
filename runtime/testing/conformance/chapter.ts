import type { Lab } from "./lab.ts";

/** What a file of rules is given to write them with. It is read once for the list, and once more for each rule that runs. */
export interface Chapter {
  /** The broker under test, of the rule that runs. */
  readonly lab: () => Lab;
  readonly rule: WriteRule;
  /** Rules that belong together. */
  readonly group: (name: string, rules: () => void) => void;
}

/** Writes a rule down: a sentence, and what shows that it holds. */
export interface WriteRule {
  (name: string, run: () => Promise<void>): void;
  /** One that moves the broker's time. */
  timed(name: string, run: () => Promise<void>): void;
}

/** A rule as it is written. */
export interface WrittenRule {
  /** The groups that it is in, the outermost first. */
  readonly groups: readonly string[];
  readonly name: string;
  readonly isTimed: boolean;
  run(): Promise<void>;
}

/** Reads the rules of a file, in their order, each to be run in a lab. */
export function readRules(rules: (chapter: Chapter) => void, lab: () => Lab): readonly WrittenRule[] {
  const written: WrittenRule[] = [];
  let groups: readonly string[] = [];
  const write =
    (isTimed: boolean) =>
    (name: string, run: () => Promise<void>): void => {
      written.push({ groups, name, isTimed, run });
    };
  rules({
    lab,
    rule: Object.assign(write(false), { timed: write(true) }),
    group(name, body) {
      const outer = groups;
      groups = [...outer, name];
      body();
      groups = outer;
    },
  });
  return written;
}
