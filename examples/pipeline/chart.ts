/** What a chart shows of a station in a month. */
export interface Month {
  readonly station: string;
  readonly month: number;
  readonly mean: number;
  readonly least: number;
  readonly most: number;
}

const colors = ["#0b6e99", "#d9480f", "#2b8a3e", "#862e9c", "#c2255c", "#5f3dc4"];
const width = 760;
const height = 360;
const margin = 40;

/** A page with a line for each station's means, and a band from its least to its greatest value. */
export function chartOf(months: readonly Month[]): string {
  const stations = [...new Set(months.map(({ station }) => station))];
  const least = Math.min(...months.map((month) => month.least));
  const most = Math.max(...months.map((month) => month.most));
  const x = (month: number): number => margin + ((month - 1) / 11) * (width - 2 * margin);
  const y = (value: number): number =>
    height - margin - ((value - least) / (most - least || 1)) * (height - 2 * margin);
  const points = (of: readonly Month[], value: (month: Month) => number): string =>
    of.map((month) => `${x(month.month).toFixed(1)},${y(value(month)).toFixed(1)}`).join(" ");

  const drawn = stations.map((station, index) => {
    const color = colors[index % colors.length]!;
    const of = months.filter((month) => month.station === station);
    const band = `${points(of, (month) => month.most)} ${points(of.toReversed(), (month) => month.least)}`;
    return `<polygon points="${band}" fill="${color}" opacity="0.08"/>
<polyline points="${points(of, (month) => month.mean)}" fill="none" stroke="${color}" stroke-width="2.5"/>
<text x="${margin + 10 + index * 110}" y="24" fill="${color}">${station}</text>`;
  });
  const ticks = Array.from(
    { length: 12 },
    (_, index) => `<text x="${x(index + 1)}" y="${height - 12}" text-anchor="middle">${index + 1}</text>`,
  );
  const scale = [least, (least + most) / 2, most].map(
    (value) => `<text x="4" y="${y(value)}">${value.toFixed(0)}°</text>`,
  );
  return `<!doctype html>
<title>Temperatures by month</title>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13">
${[...drawn, ...ticks, ...scale].join("\n")}
</svg>
`;
}
