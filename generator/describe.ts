import type { $ZodType } from "zod/v4/core";
import { type Refusal, refusalsIn } from "./carriage.ts";
import type { NamedWireModel, ParamModel, WireModel } from "./model.ts";
import { type LimitFault, limitFaults, type LimitsValue } from "./limits.ts";
import { isOmittable } from "./optionality.ts";
import type { NameFault } from "./names.ts";
import { typeOf } from "./print.ts";
import { scheduleFaults, type ScheduleValue } from "./schedule.ts";
import { taskBrand } from "./symbols.ts";
import { typeText, withoutUndefined } from "./type.ts";

/** What a declared task's value tells, its text unread. */
export interface TaskDescription {
  /** The export's name. */
  readonly name: string;
  /** What it was read of: the same for all names under which one task is exported. */
  readonly task: object;
  readonly isLocalOnly: boolean;
  readonly isPooled: boolean;
  readonly params: readonly Described<Omit<ParamModel, "showsOptionality">>[];
  readonly result: Described<WireModel>;
  readonly errors: readonly Described<NamedWireModel>[];
  readonly progress: Described<WireModel> | undefined;
  /** What keeps its schedule, if it has one, from being followed. */
  readonly scheduleFaults: readonly NameFault[];
  /** What keeps the keys of its limits from being the same wherever they are made. */
  readonly limitFaults: readonly LimitFault[];
}

/** A part of a task, with what keeps it from being carried. */
export type Described<Part> = Part & { readonly refusals: readonly Refusal[] };

/** What the generator reads of a task's value. */
interface TaskValue extends LimitsValue {
  readonly params: Readonly<Record<string, $ZodType>>;
  /** Undefined of a task that is refused for it. */
  readonly result: $ZodType | undefined;
  readonly errors: Readonly<Record<string, $ZodType>>;
  readonly progress: $ZodType | undefined;
  readonly policy?: string | undefined;
  readonly cpu?: unknown;
  readonly schedule?: ScheduleValue | undefined;
}

/** Whether a value was made by `task()`, of whichever installed copy of the package. */
export function isTask(value: unknown): value is object {
  return typeof value === "object" && value !== null && taskBrand in value;
}

const described = new WeakMap<object, TaskDescription>();

/** Describes a task that is exported under a name. */
export function describeTask(name: string, task: object): TaskDescription {
  const known = described.get(task);
  if (known !== undefined) return { ...known, name };
  const { params, result, errors, progress, policy, schedule, cpu, ...limits } = task as TaskValue;
  const description: TaskDescription = {
    name,
    task,
    isLocalOnly: policy === "local-only",
    isPooled: cpu !== undefined,
    params: Object.entries(params).map(([param, schema]) => describeParam(param, schema)),
    result: result === undefined ? { sent: undefined, received: undefined, refusals: [] } : describeWire(result),
    errors: Object.entries(errors).map(([error, schema]) => describeError(error, schema)),
    progress: progress && describeWire(progress),
    scheduleFaults: schedule === undefined ? [] : scheduleFaults(schedule, params),
    limitFaults: limitFaults(limits, params),
  };
  described.set(task, description);
  return description;
}

function describeParam(name: string, schema: $ZodType): TaskDescription["params"][number] {
  const sent = typeOf(schema, "in");
  return {
    name,
    ...describeWire(schema),
    given: sent && typeText(withoutUndefined(sent)),
    isOmittable: isOmittable(schema, "in"),
    canBeAbsent: isOmittable(schema, "out"),
  };
}

function describeError(name: string, schema: $ZodType): Described<NamedWireModel> {
  return { name, ...describeWire(schema) };
}

function describeWire(schema: $ZodType): Described<WireModel> {
  const sent = typeOf(schema, "in");
  const received = typeOf(schema, "out");
  return { sent: sent && typeText(sent), received: received && typeText(received), refusals: refusalsIn(schema) };
}
