/** Something that a test waits for, with what came of it. */
export class Signal<Value = void> {
  give!: (value: Value) => void;
  readonly given = new Promise<Value>((resolve) => (this.give = resolve));
}
