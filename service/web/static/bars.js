// Bars of charts: those of one period stand side by side.

import { LENGTHS } from "./axes.js";

// What the bars of a period take of its width, and the most that one is wide.
const SHARE = 0.8;
const WIDEST = 60;

/** Draws the bars of line `index`; those of what it is compared with stand on their left. */
export function bars(spec, index) {
  const count = spec.lines.length;
  const left = placeOf(spec, index) - count / 2;
  return uPlot.paths.bars({
    size: [1, Infinity],
    radius: 0.15,
    disp: {
      x0: { unit: 1, values: (chart) => { const slot = slotOf(chart, spec); return spec.times.map((time) => time + left * slot); } },
      size: { unit: 1, values: (chart) => [slotOf(chart, spec) - gap(chart, spec)] },
    },
  });
}

function placeOf({ lines }, index) {
  if (lines[index].before) return index - 1;
  return lines[index + 1]?.before ? index + 1 : index;
}

// The width that each bar of a period has, in seconds of the axis, as what follows.
function slotOf(chart, spec) {
  return Math.min((shortest(spec) * SHARE) / spec.lines.length, pixels(chart, WIDEST));
}

// Bars of groups touch but for a pixel, where there is one.
function gap(chart, spec) {
  return spec.lines.length > 1 ? Math.min(pixels(chart, 1), slotOf(chart, spec) / 5) : 0;
}

function shortest({ times, period }) {
  return times.slice(1).reduce((least, time, index) => Math.min(least, time - times[index]), times.length > 1 ? Infinity : LENGTHS[period]);
}

function pixels(chart, count) {
  const { min, max } = chart.scales.x;
  return ((max - min) / chart.bbox.width) * count * devicePixelRatio;
}
