import { isDeepStrictEqual } from "node:util";
import { isDeclared, type Tasks } from "../../generated/index.ts";

/** How calls reach their handler: a policy, or `submit` and a handle. */
export const ways = ["local-first", "remote-only", "local-only", "remote-first", "auto", "submit"] as const;
export type Way = (typeof ways)[number];

/** What is asked, each with another answer for each number. Those of `timing` have no worker. */
export const questions = ["sum", "difference", "quotient", "by zero", "words", "revisions"] as const;
type Question = (typeof questions)[number];

/** Makes the call of a number in a way. @throws Error for any other answer than the right one. */
export async function ask(tasks: Tasks, way: Way, question: Question, number: number): Promise<void> {
  const given =
    way === "submit" ? await submitted(tasks, question, number) : await awaited(tasks, way, question, number);
  const right = rightAnswer(question, number);
  if (!isDeepStrictEqual(given, right))
    throw new Error(`${way}, ${question} ${number}: ${show(given)}, not ${show(right)}`);
}

async function awaited(
  all: Tasks,
  policy: Exclude<Way, "submit">,
  question: Question,
  number: number,
): Promise<unknown> {
  // A fallback after the usual second would make the counts depend on how busy the machine is.
  const falls = policy === "remote-first" || policy === "auto";
  const tasks = falls ? all.with({ policy, fallbackAfterMs: 20_000 }) : all.with({ policy });
  switch (question) {
    case "sum":
      return tasks.addition(number, 6);
    case "difference":
      return tasks.subtraction(number, 0.5);
    case "quotient":
      return tasks.division(number, 4);
    case "by zero": {
      const answer = await tasks.safe.division(number, 0);
      return !answer.ok && answer.error.name === "divisionByZero" ? answer.error.data : answer;
    }
    case "words":
      return tasks.wordCount(poem(number));
    case "revisions":
      return tasks.mergeRevisions(revision(number), revision(number + 1));
  }
}

async function submitted({ submit }: Tasks, question: Question, number: number): Promise<unknown> {
  switch (question) {
    case "sum":
      return (await submit.addition(number, 6)).result();
    case "difference":
      return (await submit.subtraction(number, 0.5)).result();
    case "quotient":
      return (await submit.division(number, 4)).result();
    case "by zero": {
      const handle = await submit.division(number, 0);
      return handle.result().catch((error: unknown) => {
        if (isDeclared(error, "division", "divisionByZero")) return error.data;
        throw error;
      });
    }
    case "words":
      return (await submit.wordCount(poem(number))).result();
    case "revisions":
      return (await submit.mergeRevisions(revision(number), revision(number + 1))).result();
  }
}

function rightAnswer(question: Question, number: number): unknown {
  switch (question) {
    case "sum":
      return number + 6;
    case "difference":
      return number - 0.5;
    case "quotient":
      return number / 4;
    case "by zero":
      return { dividend: number };
    case "words":
      return {
        words: (number % 7) * 3,
        characters: (number % 7) * 17 + String(number).length + 1,
        lines: (number % 7) + 1,
      };
    case "revisions": {
      const later = revision(number + 1);
      return {
        revision: {
          ...later,
          number: later.number + 1n,
          paragraphs: new Map([...revision(number).paragraphs, ...later.paragraphs]),
          authors: new Set(["Ann", `author ${number}`, `author ${number + 1}`]),
        },
        conflicts: new Set(["intro"]),
        apartMs: 1_000,
      };
    }
  }
}

function poem(number: number): string {
  return `${"roses are, red 🌹\n".repeat(number % 7)}${"*".repeat(String(number).length + 1)}`;
}

function revision(number: number) {
  return {
    number: 2n ** 60n + BigInt(number),
    savedAt: new Date(1_700_000_000_000 + number * 1_000),
    paragraphs: new Map([
      ["intro", `as of ${number}`],
      [`p${number}`, "…"],
    ]),
    authors: new Set(["Ann", `author ${number}`]),
    attachment: new Uint8Array([number & 255, 0, 255]),
    review: { by: "Bo", verdict: undefined },
  };
}

function show(value: unknown): string {
  return value instanceof Error
    ? String(value)
    : JSON.stringify(value, (_, item) => (typeof item === "bigint" ? `${item}n` : item));
}
