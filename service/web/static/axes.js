// The axes of charts: where they begin and end, and what is written at them.

import { axisFigures, axisLabels, timeZone } from "./formats.js";

const HOUR = 3600;
const DAY = 24 * HOUR;
export const LENGTHS = { minute: 60, hour: HOUR, day: DAY, week: 7 * DAY, month: 28 * DAY, quarter: 90 * DAY, year: 365 * DAY };
// The width of a label of the time axis, and of the axis of values beside it.
const LABEL = 70;
const BESIDE = 80;
// Half of the lowest label of the axis of values is below the plot, too.
const BELOW = 10;
// Between labels, in minutes, hours and days.
const MINUTES = [1, 2, 5, 10, 15, 30];
const HOURS = [1, 2, 3, 4, 6, 8, 12, 24, 48, 7 * 24, 14 * 24, 30 * 24, 90 * 24, 180 * 24, 365 * 24];
const DAYS = [1, 2, 3, 4, 7, 14, 28, 89, 181, 365, 730, 1825];

/** uPlot's axes for a chart whose values are written with `unit`. */
export function axes(spec, unit, look) {
  const quiet = { stroke: look.quiet, font: look.font, ticks: { show: false } };
  return [
    { ...quiet, grid: { show: false }, gap: BELOW, size: labelHeight, ...timeAxis(spec) },
    { ...quiet, grid: { stroke: look.grid, width: 1 }, values: (_, splits, axis, space, step) => splits.map(axisFigures(spec.unit, unit, splits, step)), size: axisWidth },
  ];
}

/** uPlot's scales. */
export function scales(spec) {
  return { x: { time: true, range: (_, low, high) => span(spec, low, high) }, y: { range: (_, low, high) => range(spec, low, high) } };
}

function timeAxis(spec) {
  if (LENGTHS[spec.period] < DAY) {
    const step = (splits) => Math.max(splits[1] - splits[0] || 0, LENGTHS[spec.period]);
    const minutes = spec.period === "minute" ? MINUTES.map((number) => number * 60) : [];
    const incrs = [...minutes, ...HOURS.map((hours) => hours * HOUR)];
    return { space: LABEL, values: (_, splits) => splits.map(axisLabels(step(splits))), incrs };
  }
  return { splits: (chart) => marks(spec, chart), values: (chart, splits) => splits.map(axisLabels(step(spec, chart))) };
}

// Whole days and longer are named where they begin: nothing in between, such as hours, has a figure.
function marks(spec, chart) {
  const apart = step(spec, chart);
  const times = apart < LENGTHS.month || LENGTHS[spec.period] >= LENGTHS.month ? spec.times : spec.times.filter(beginsMonth);
  let last = -Infinity;
  // Half a day less, as clocks are changed.
  return times.filter((time) => time - last > apart - DAY / 2 && (last = time));
}

function step(spec, chart) {
  const { min, max } = chart.scales.x;
  const least = ((max - min) / Math.max(chart.width - BESIDE, LABEL)) * LABEL;
  const days = DAYS.find((days) => days * DAY >= Math.max(least, LENGTHS[spec.period])) ?? DAYS.at(-1);
  return days * DAY;
}

const month = new Intl.DateTimeFormat("en", { timeZone, month: "numeric" });

function beginsMonth(time, index, times) {
  return index > 0 && month.format(time * 1000) !== month.format(times[index - 1] * 1000);
}

// What there is beside the first and the last instant: half a bar; of one period, that period.
function halfOf(spec, low, high) {
  if (spec.times.length === 1) return LENGTHS[spec.period] / 2;
  return spec.look === "bar" ? (high - low) / (spec.times.length - 1) / 2 : 0;
}

// Bars at both ends are whole, and what happened in the last period is on the chart.
function span(spec, low, found) {
  // For a single instant uPlot makes up an end of its own, a thousand days later.
  const high = spec.times.length === 1 ? low : found;
  const half = halfOf(spec, low, high);
  const latest = Math.max(high, ...spec.marks.map((mark) => mark.at));
  return [low - half, Math.max(high + half, latest)];
}

function range(spec, least, most) {
  const [low, high] = spec.band ? withBand(spec.band, least, most) : [least, most];
  const levels = spec.thresholds.map((threshold) => threshold.value);
  const from = Math.min(0, low ?? 0, ...levels);
  const to = Math.max(high ?? 1, ...levels);
  // Far from zero, the interesting part is not the way up there; bars always stand on it, and so do
  // amounts, of which half as high is half as much.
  if (spec.look === "line" && !spec.amount && low > 0 && high - low < high * 0.3 && !levels.length) {
    const room = (high - low || high) * 0.15;
    return [low - room, high + room];
  }
  return [from, to + (to - from || 1) * 0.08];
}

// All of the band is on the chart.
function withBand({ lower, upper }, low, high) {
  const known = (values) => values.filter((value) => value !== null);
  return [Math.min(...known(lower), low ?? Infinity), Math.max(...known(upper), high ?? -Infinity)];
}

// Labels of hours have a second line where a day begins.
function labelHeight(chart, values) {
  return values?.some((value) => value.includes("\n")) ? 49 : 33;
}

function axisWidth(chart, values) {
  const longest = (values ?? []).reduce((most, value) => Math.max(most, value.length), 4);
  return Math.min(longest * 7 + 14, 110);
}
