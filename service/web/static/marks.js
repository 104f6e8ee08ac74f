// Lines and marks that are drawn over charts: limits, what happened when, what is usual.

/** Draws the line of a limit with its label. */
export function drawThreshold(chart, threshold, look) {
  const y = chart.valToPos(threshold.value, "y", true);
  stroke(chart, look.bad, [6, 4], [[chart.bbox.left, y], [chart.bbox.left + chart.bbox.width, y]], 1.25);
  chart.ctx.fillStyle = look.bad;
  chart.ctx.font = scaled(look.font);
  chart.ctx.textAlign = "right";
  chart.ctx.fillText(threshold.label, chart.bbox.left + chart.bbox.width - 4, y - 5 * devicePixelRatio);
}

/** True of a mark of which a part is within the shown range. */
export function isWithin({ at, until = at }, { scales: { x } }) {
  return x.min <= until && at <= x.max;
}

/** Draws what happened at an instant, in the colour of its severity. */
export function drawMark(chart, mark, look) {
  if (mark.until) shade(chart, mark, look);
  if (mark.at < chart.scales.x.min) return;
  const x = chart.valToPos(mark.at, "x", true);
  const colour = { critical: look.bad, high: look.bad, medium: look.fair }[mark.severity] ?? look.info;
  const { top, height } = chart.bbox;
  stroke(chart, colour, [2, 3], [[x, top], [x, top + height]], 1);
  const { ctx } = chart;
  const half = 5 * devicePixelRatio;
  ctx.fillStyle = colour;
  ctx.beginPath();
  ctx.moveTo(x - half, top);
  ctx.lineTo(x + half, top);
  ctx.lineTo(x, top + half * 1.6);
  ctx.fill();
}

// What took time, as far as the chart shows it.
function shade(chart, { at, until }, look) {
  const { left, top, width, height } = chart.bbox;
  const [from, to] = [at, until].map((x) => Math.min(Math.max(chart.valToPos(x, "x", true), left), left + width));
  const { ctx } = chart;
  ctx.save();
  ctx.globalAlpha = 0.12;
  ctx.fillStyle = look.info;
  ctx.fillRect(from, top, to - from, height);
  ctx.restore();
}

/** Draws where values usually are: an area in each stretch of instants of which it is known. */
export function drawBand(chart, { times, band: { lower, upper } }, look) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.fillStyle = `color-mix(in srgb, ${look.quiet} 16%, transparent)`;
  // Where one of its ends is unknown, no value is beyond it: the area goes on to the end of the axis.
  const place = (values, end) => (index) => [chart.valToPos(times[index], "x", true), chart.valToPos(values[index] ?? end, "y", true)];
  const { min, max } = chart.scales.y;
  for (const stretch of stretches(times.map((_, index) => lower[index] ?? upper[index]))) {
    ctx.beginPath();
    for (const point of [...stretch.map(place(lower, min)), ...stretch.toReversed().map(place(upper, max))]) ctx.lineTo(...point);
    ctx.fill();
  }
  ctx.restore();
}

// The places of known values that follow each other.
function stretches(values) {
  const found = [];
  values.forEach((value, index) => {
    if (value === null) return;
    if (index === 0 || values[index - 1] === null) found.push([]);
    found.at(-1).push(index);
  });
  return found;
}

/** Draws a ring around a value that stands out. */
export function drawSpot(chart, { at, value }, look) {
  const { ctx } = chart;
  ctx.beginPath();
  ctx.arc(chart.valToPos(at, "x", true), chart.valToPos(value, "y", true), 5 * devicePixelRatio, 0, 2 * Math.PI);
  ctx.strokeStyle = look.bad;
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.stroke();
}

/** Draws a line of two points; dashes and width in CSS pixels. */
export function stroke({ ctx }, colour, dash, [from, to], width) {
  ctx.beginPath();
  ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
  ctx.strokeStyle = colour;
  ctx.lineWidth = width * devicePixelRatio;
  ctx.moveTo(...from);
  ctx.lineTo(...to);
  ctx.stroke();
  ctx.setLineDash([]);
}

function scaled(font) {
  return font.replace("12px", `${12 * devicePixelRatio}px`);
}
