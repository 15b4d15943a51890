import { type AnyTaskError, TaskError, type TaskIssue } from "./errors.ts";

/** How long texts of errors may be that people read: messages and stacks, characters. */
export const longestText = 4_096;
/** The same of an issue's message, of a key in its path, and of all issues together. */
const longestIssue = 512;
const longestIssues = 16_384;

/** A text of at most so many characters and a few words, which say that it was cut. No pair of surrogates is parted. */
export function cutText(text: string, most: number = longestText): string {
  if (text.length <= most) return text;
  const isHigh = (text.charCodeAt(most - 1) & 0xfc00) === 0xd800;
  return `${text.slice(0, isHigh ? most - 1 : most)}… (cut: ${text.length} characters in all)`;
}

/** The first issues, as many as there is room for; the last says how many more there are. */
export function cutIssues(issues: readonly TaskIssue[]): readonly TaskIssue[] {
  const kept: TaskIssue[] = [];
  let left = longestIssues;
  for (const issue of issues) {
    const { path, message } = cutIssue(issue);
    left -= message.length + path.reduce<number>((sum, key) => sum + String(key).length + 1, 0);
    if (left < 0) return [...kept, { path: [], message: `… (cut: ${issues.length} issues in all)` }];
    kept.push({ path, message });
  }
  return kept;
}

function cutIssue({ path, message }: TaskIssue): TaskIssue {
  const keys = path.map((key) => (typeof key === "string" ? cutText(key, longestIssue) : key));
  return { path: keys, message: cutText(message, longestIssue) };
}

/** The same error with a reason of at most {@link longestText}. */
export function cutError(error: AnyTaskError): AnyTaskError {
  const { code, reason, name, data, task, callId, attempt, cause, issues, remoteStack } = error;
  if (reason.length <= longestText) return error;
  const details = { name, data, task, callId, attempt, cause, issues, remoteStack };
  return new TaskError<string, unknown>(code, cutText(reason), details);
}
