/** A parameter's flag: `lagMs` → `--lag-ms`. */
export function flagOf(name: string): string {
  return `--${name.replaceAll(/([a-z0-9])([A-Z])/g, "$1-$2").toLowerCase()}`;
}
