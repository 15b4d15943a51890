import { shown } from "../../checks.ts";
import { TaskError } from "../../errors.ts";
import { asideRules } from "./aside-rules.ts";
import { type Chapter, readRules, type WrittenRule } from "./chapter.ts";
import { begunRules, replayedDeliveryRules } from "./begun-rules.ts";
import { claimRules } from "./claim-rules.ts";
import { connectionRules } from "./connection-rules.ts";
import { endingRules } from "./ending-rules.ts";
import { eventRules } from "./event-rules.ts";
import { expect } from "./expectation.ts";
import { foreignRules } from "./foreign-rules.ts";
import { type JudgedStore, Lab } from "./lab.ts";
import { leaseRules } from "./lease-rules.ts";
import { limitRules } from "./limit-rules.ts";
import { lockRules } from "./lock-rules.ts";
import { noticeRules } from "./notice-rules.ts";
import { operatorRules } from "./operator-rules.ts";
import { overviewRules } from "./overview-rules.ts";
import { pauseRules } from "./pause-rules.ts";
import { reportRules } from "./report-rules.ts";
import { submitRules } from "./submit-rules.ts";
import { timetableRules } from "./timetable-rules.ts";

/** What a broker may offer besides the methods that all have; or, for `clock`, what its test can do. */
export type OfferedPart = "clock" | "operator" | "timetable" | "locks";

/** What is judged. */
export interface ConformanceOptions {
  /** Opens an empty store of its own for each rule, when that runs. */
  readonly open: () => JudgedStore | Promise<JudgedStore>;
  /**
   * What there is to judge: `operator`, `timetable` and `locks` if the broker has these parts, `clock` if its time can be moved
   * ({@link JudgedStore.advance}). Rules that need something else are listed as skipped; a part that is there and not said fails a rule.
   */
  readonly offers: readonly OfferedPart[];
}

/** A sentence of the port (runtime/broker.ts), and what shows whether a broker holds it. */
export interface ConformanceRule {
  /** What it is about: `claim`, or within that `claim: waiting`. */
  readonly group: string;
  /** The sentence. */
  readonly name: string;
  /** Why it is not judged, as the broker lacks what it needs; false if it is. */
  readonly skip: string | false;
  /**
   * Opens a store, judges it and disposes of it. Rules know nothing of each other, and may run at the same time if their stores may.
   *
   * A skipped one does nothing but say so by `context.skip`, where the test runner gives its tests such a thing, as node:test and vitest do.
   *
   * @throws AssertionError where the broker does not hold it; or what the broker has thrown.
   */
  readonly run: (context?: unknown) => Promise<void>;
}

/** A file of rules, and what they all need. */
interface ConformancePart {
  readonly name: string;
  readonly needs?: OfferedPart;
  readonly rules: (chapter: Chapter) => void;
}

const parts: readonly ConformancePart[] = [
  { name: "submit", rules: submitRules },
  { name: "claim", rules: claimRules },
  { name: "finish", rules: reportRules },
  { name: "put aside and held back", rules: asideRules },
  { name: "limits", rules: limitRules },
  { name: "pauses", needs: "operator", rules: pauseRules },
  { name: "leases", rules: leaseRules },
  { name: "what has begun", rules: begunRules },
  { name: "cancel, revoke, expiry, retention", rules: endingRules },
  { name: "notices", rules: noticeRules },
  { name: "the operator", needs: "operator", rules: operatorRules },
  { name: "replays", needs: "operator", rules: replayedDeliveryRules },
  { name: "the overview", needs: "operator", rules: overviewRules },
  { name: "events", needs: "operator", rules: eventRules },
  { name: "the timetable", needs: "timetable", rules: timetableRules },
  { name: "locks", needs: "locks", rules: lockRules },
  { name: "foreign records", rules: foreignRules },
  { name: "connections and presence", rules: connectionRules },
];

const offered: readonly OfferedPart[] = ["clock", "operator", "timetable", "locks"];

const reasons: Readonly<Record<OfferedPart, string>> = {
  clock: "it moves the broker's time, which this test can't",
  operator: "this broker has no operator",
  timetable: "this broker has no timetable",
  locks: "this broker has no locks",
};

/**
 * What every broker must do: each sentence of the port as a rule, in the order of the port. It needs no test runner:
 * `for (const { group, name, run } of brokerConformance({ … })) test(group + ": " + name, run)` is for any.
 *
 * Histories of random steps, which the project's own brokers go through besides, are not among them.
 *
 * @throws TaskError `invalid_argument` for options that can't be followed.
 */
export function brokerConformance(options: ConformanceOptions): readonly ConformanceRule[] {
  const { open, offers } = options;
  const refuse = (reason: string): never => {
    throw new TaskError("invalid_argument", `brokerConformance(): ${reason}`);
  };
  if (typeof open !== "function") refuse("open must be a function that opens a store");
  if (!Array.isArray(offers)) refuse(`offers must be a list of ${offered.join(", ")}`);
  for (const part of offers)
    if (!offered.includes(part)) refuse(`offers has ${shown(part)}; there are ${offered.join(", ")}`);

  const all: readonly ConformancePart[] = [
    ...parts,
    { name: "what it offers", rules: (chapter) => offerRules(chapter, offers) },
  ];
  return all.flatMap(({ name, needs, rules }) => {
    const listed = readRules(rules, () => {
      throw new Error("a rule uses its lab before it runs");
    });
    return listed.map((rule, at): ConformanceRule => {
      const lacks = lackOf(rule, needs, offers);
      const skip = lacks === undefined ? false : reasons[lacks];
      return {
        group: [name, ...rule.groups].join(": "),
        name: rule.name,
        skip,
        // Without a parameter that counts: some runners take one for a callback.
        run: async (...[context]: readonly unknown[]) => {
          if (skip === false) await judge(open, (lab) => readRules(rules, () => lab)[at]!);
          else (context as { skip?: (reason: string) => void } | undefined)?.skip?.(skip);
        },
      };
    });
  });
}

/** What is missing that a rule needs. */
function lackOf(
  { isTimed }: WrittenRule,
  needs: OfferedPart | undefined,
  offers: readonly OfferedPart[],
): OfferedPart | undefined {
  if (needs !== undefined && !offers.includes(needs)) return needs;
  return isTimed && !offers.includes("clock") ? "clock" : undefined;
}

async function judge(open: ConformanceOptions["open"], ruleOf: (lab: Lab) => WrittenRule): Promise<void> {
  const store = await open();
  try {
    const lab = new Lab(await store.connect(), store);
    await ruleOf(lab).run();
  } finally {
    await store.dispose();
  }
}

/** Nothing that a broker has is left out for want of a word. */
function offerRules({ lab, rule }: Chapter, offers: readonly OfferedPart[]): void {
  for (const part of ["operator", "timetable", "locks"] as const) {
    const has = offers.includes(part);
    rule(`it has ${has ? "the" : "no"} ${part}, as its test says`, async () => {
      expect(lab().broker[part] !== undefined).toBe(has);
    });
  }
}
