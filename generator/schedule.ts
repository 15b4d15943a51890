import { Cron } from "croner";
import { safeParse, type $ZodType } from "zod/v4/core";
import type { NameFault } from "./names.ts";
import { isOmittable } from "./optionality.ts";

/** What the generator reads of a task's schedule; its plain parts were checked when it was declared. */
export interface ScheduleValue {
  readonly cron?: string | undefined;
  readonly timezone?: string | undefined;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

/** All that keeps workers from following a schedule. */
export function scheduleFaults(
  schedule: ScheduleValue,
  shape: Readonly<Record<string, $ZodType>>,
): readonly NameFault[] {
  const fault = cronFault(schedule);
  return [...(fault === undefined ? [] : [fault]), ...paramsFaults(schedule, shape)];
}

function cronFault({ cron, timezone = "UTC" }: ScheduleValue): NameFault | undefined {
  if (cron === undefined) return undefined;
  try {
    // Says it in fewer words than the parser, which looks a timezone up at its first use.
    Intl.DateTimeFormat("en", { timeZone: timezone });
    new Cron(cron, { timezone, paused: true }).nextRun();
    return undefined;
  } catch (thrown) {
    return {
      reason: `schedule: cron "${cron}", timezone "${timezone}": ${thrown instanceof Error ? thrown.message : String(thrown)}`,
      remedy:
        'write minute, hour, day, month and weekday, and an IANA name: { cron: "30 3 * * *", timezone: "Europe/Berlin" }',
    };
  }
}

function paramsFaults({ params = {} }: ScheduleValue, shape: Readonly<Record<string, $ZodType>>): readonly NameFault[] {
  return Object.entries(shape).flatMap(([name, schema]) => {
    if (!Object.hasOwn(params, name) && isOmittable(schema, "in")) return [];
    const issues = safeParse(schema, params[name]).error?.issues ?? [];
    return issues.map((issue) => {
      const path = [name, ...issue.path.map(String)].join(".");
      return { reason: `schedule: params.${path}: ${issue.message}`, remedy: "give what a caller would give" };
    });
  });
}
