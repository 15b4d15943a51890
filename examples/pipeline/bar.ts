/** A bar that fills: redrawn in place on a terminal; elsewhere a line for each tenth that is reached. */
export function progressBar(): (label: string, current: number, total: number) => void {
  const isTerminal = process.stdout.isTTY;
  let shown = "";
  return (label, current, total) => {
    const tenths = Math.floor((current / total) * 10);
    const line = `${label.padEnd(8)} [${"█".repeat(tenths)}${" ".repeat(10 - tenths)}] ${current} of ${total}`;
    const key = `${label} ${tenths}`;
    if (isTerminal) process.stdout.write(`\r\u001B[K  ${line}${label === "drawing" ? "\n" : ""}`);
    else if (key !== shown) console.log(`  ${line}`);
    shown = key;
  };
}
