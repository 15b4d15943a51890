/** The id of a slot's call: the same, whoever fires it. */
export function slotId(task: string, slot: number): string {
  return `${task}@${new Date(slot).toISOString()}`;
}

/** The slot, epoch ms, in whose call's id it stands. */
export function slotOf(id: string): number {
  return Date.parse(id.slice(id.lastIndexOf("@") + 1));
}
