// Draws <figure data-chart> with uPlot from the JSON in it (service/web/charts.py says what is
// in that). Colours are the style sheet's, so that light and dark need nothing here.

import { axes, scales } from "./axes.js";
import { bars } from "./bars.js";
import { figures, instants, timeZone } from "./formats.js";
import { choose, chosenIn, legend } from "./legend.js";
import { drawBand, drawMark, drawSpot, drawThreshold, isWithin, stroke } from "./marks.js";

const COLOURS = 12;
// From the seventh on a line has its own dashes, too.
const PLAIN = 6;
const DASHES = [10, 4, 2, 4];

function load() {
  if (window.uPlot) return Promise.resolve();
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = new URL("vendor/uplot.css", import.meta.url).href;
  const script = document.createElement("script");
  script.src = new URL("vendor/uplot.js", import.meta.url).href;
  document.head.append(style, script);
  return new Promise((resolve, reject) => {
    script.onload = resolve;
    script.onerror = reject;
  });
}

let loading;

// The figures that are drawn, with their charts. They are followed together: what followed each
// on its own would keep it after it has left the page.
const drawn = new Map();
const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => drawn.get(target)?.setSize(size(target))));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => [...drawn.keys()].forEach(redraw));
document.addEventListener("htmx:beforeCleanupElement", (event) => drawn.has(event.target) && forget(event.target));

// What somebody chose in a legend, by the id of its figure, for when the figure is asked for again.
const choices = new Map();

/** Draw one figure; drawn again when the colours change. */
export async function draw(figure) {
  await (loading ??= load());
  if (!figure.isConnected) return;
  drawn.set(figure, build(figure, JSON.parse(figure.querySelector("script[type='application/json']").textContent)));
  resized.observe(figure);
  choose(figure, choices.get(figure.id));
}

function forget(figure) {
  choices.set(figure.id, chosenIn(figure));
  resized.unobserve(figure);
  drawn.get(figure).destroy();
  drawn.delete(figure);
}

function redraw(figure) {
  forget(figure);
  figure.querySelector(".legend").remove();
  figure.querySelector(".tip").remove();
  draw(figure);
}

function size(figure) {
  // On narrow screens the plot has a height of its own, and the figure grows with its legend.
  const own = parseFloat(getComputedStyle(figure).getPropertyValue("--plot"));
  if (own) return { width: Math.max(figure.clientWidth, 120), height: own };
  if (figure.classList.contains("fill")) {
    const legend = figure.querySelector(".legend:not([hidden])");
    return { width: Math.max(figure.clientWidth, 120), height: Math.max(figure.clientHeight - (legend?.offsetHeight ?? 0) - 8, 90) };
  }
  const height = figure.classList.contains("low") ? 180 : 280;
  return { width: Math.max(figure.clientWidth, 200), height };
}

function build(figure, spec) {
  const style = getComputedStyle(figure);
  // A custom property is not resolved to one colour of light-dark() until something uses it.
  const probe = document.createElement("span");
  figure.append(probe);
  const colour = (name) => { probe.style.color = `var(--${name})`; return getComputedStyle(probe).color; };
  const look = {
    lines: Array.from({ length: COLOURS }, (_, i) => colour(`series-${i + 1}`)),
    quiet: colour("quiet"), grid: colour("line"), card: colour("card"), text: colour("text"), bad: colour("bad"), fair: colour("fair"), info: colour("info"),
    font: `12px ${style.fontFamily}`,
  };
  probe.remove();
  const chart = new uPlot(options(figure, spec, look), data(spec), figure);
  figure.append(legend(chart, spec, (index) => colourOf(spec, index, look), (index) => isDashed(spec, index)));
  return chart;
}

function data(spec) {
  return [spec.times, ...spec.lines.map((line) => line.values)];
}

function options(figure, spec, look) {
  return {
    ...size(figure),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), timeZone),
    legend: { show: false },
    cursor: { drag: { x: spec.zoom, y: false, setScale: false }, points: spec.look === "bar" ? { show: false } : { size: 7 } },
    // On the right, half the last label of the time axis.
    padding: [12, 34, 0, 0],
    scales: scales(spec),
    axes: axes(spec, figure.dataset.unit, look),
    series: [{}, ...spec.lines.map((line, index) => series(line, index, spec, look))],
    hooks: {
      setCursor: [tip(figure, spec, look)],
      ready: [(chart) => chart.over.addEventListener("click", () => follow(chart, spec))],
      setSelect: [(chart) => zoom(figure, chart)],
      drawClear: [(chart) => spec.band && drawBand(chart, spec, look)],
      draw: [(chart) => drawOver(chart, spec, look)],
    },
  };
}

// What is compared with has the colour of what it is compared to, paler: a bar, which is large,
// more so than a line.
function colourOf(spec, index, look) {
  const colour = look.lines[placeOf(spec, index) % COLOURS];
  return spec.lines[index].before ? faded(colour, spec.look === "bar" ? 0.4 : 0.6) : colour;
}

function placeOf(spec, index) {
  return Math.max(spec.lines.slice(0, index + 1).filter((line) => !line.before).length - 1, 0);
}

function isDashed(spec, index) {
  return spec.look === "line" && !spec.lines[index].before && placeOf(spec, index) % COLOURS >= PLAIN;
}

function series(line, index, spec, look) {
  const stroke = colourOf(spec, index, look);
  if (spec.look === "bar") return { label: line.label, stroke, fill: stroke, width: 0, paths: bars(spec, index), points: { show: false } };
  return {
    label: line.label,
    stroke,
    width: line.before ? 1.25 : 2,
    dash: line.before ? [4, 4] : isDashed(spec, index) ? DASHES : undefined,
    fill: spec.lines.length === 1 ? (chart) => area(chart, stroke) : undefined,
    paths: firstPaths(spec, line),
    // A value between unknown ones has no line to be on.
    points: { size: 5, filter: (chart, number) => alone(chart.data[number]) },
  };
}

// An area stands for an amount: where the axis does not begin at zero there is none.
function area(chart, colour) {
  return chart.scales.y.min > 0 ? "transparent" : faded(colour, 0.08);
}

// The last stretch leads to a period that is not over: it is left out here and drawn dashed.
function firstPaths(spec, line) {
  if (!spec.incomplete || line.before) return uPlot.paths.linear();
  const linear = uPlot.paths.linear();
  return (chart, number, first, last) => linear(chart, number, first, Math.min(last, spec.times.length - 2));
}

function alone(values) {
  const known = (index) => values[index] !== null && values[index] !== undefined;
  return values.map((_, index) => index).filter((index) => known(index) && !known(index - 1) && !known(index + 1));
}

function faded(colour, alpha) {
  return `color-mix(in srgb, ${colour} ${alpha * 100}%, transparent)`;
}

function drawOver(chart, spec, look) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  if (spec.incomplete && spec.look === "line") drawIncomplete(chart, spec, look);
  if (spec.incomplete && spec.look === "bar") veilIncomplete(chart, spec, look);
  for (const threshold of spec.thresholds) drawThreshold(chart, threshold, look);
  for (const spot of spec.spots) drawSpot(chart, spot, look);
  ctx.restore();
  // Whole at either end, where half of one stands beside the axis.
  for (const mark of spec.marks.filter((mark) => isWithin(mark, chart))) drawMark(chart, mark, look);
}

function drawIncomplete(chart, spec, look) {
  const last = spec.times.length - 1;
  if (last < 1) return;
  spec.lines.forEach((line, index) => {
    const values = [line.values[last - 1], line.values[last]];
    if (line.before || !chart.series[index + 1].show) return;
    // A level of now is no end of a period: it stands apart.
    if (spec.level) return dot(chart, colourOf(spec, index, look), spec.times[last], line.values[last]);
    if (values.includes(null)) return;
    const [x0, x1] = [last - 1, last].map((i) => chart.valToPos(spec.times[i], "x", true));
    const [y0, y1] = values.map((value) => chart.valToPos(value, "y", true));
    stroke(chart, colourOf(spec, index, look), [5, 5], [[x0, y0], [x1, y1]], 2);
  });
}

function dot(chart, colour, time, value) {
  if (value === null) return;
  const { ctx } = chart;
  ctx.beginPath();
  ctx.arc(chart.valToPos(time, "x", true), chart.valToPos(value, "y", true), 3 * devicePixelRatio, 0, 2 * Math.PI);
  ctx.fillStyle = colour;
  ctx.fill();
}

function veilIncomplete(chart, spec, look) {
  const { ctx, bbox } = chart;
  const [before, last] = [-2, -1].map((back) => chart.valToPos(spec.times.at(back) ?? 0, "x", true));
  if (spec.times.length < 2) return;
  ctx.fillStyle = faded(look.card, 0.55);
  ctx.fillRect((before + last) / 2, bbox.top, last - before, bbox.height);
}

function tip(figure, spec, look) {
  const box = document.createElement("div");
  box.className = "tip";
  box.hidden = true;
  figure.append(box);
  const write = figures(spec.unit, figure.dataset.unit);
  const when = instants(spec.period);
  return (chart) => {
    if (!box.isConnected) figure.append(box);
    const { idx, left } = chart.cursor;
    box.hidden = idx === null || idx === undefined || left < 0;
    if (box.hidden) return;
    const list = document.createElement("dl");
    spec.lines.forEach((line, index) => {
      if (!chart.series[index + 1].show) return;
      const [name, value] = [document.createElement("dt"), document.createElement("dd")];
      name.textContent = line.label;
      name.style.color = colourOf(spec, index, look);
      value.textContent = write(line.values[idx]);
      list.append(name, value);
    });
    if (spec.band && (spec.band.lower[idx] ?? spec.band.upper[idx]) !== null) {
      const [name, value] = [document.createElement("dt"), document.createElement("dd")];
      const end = (values) => (values[idx] === null ? "…" : write(values[idx]));
      name.textContent = spec.band.label;
      value.textContent = `${end(spec.band.lower)} – ${end(spec.band.upper)}`;
      list.append(name, value);
    }
    const title = document.createElement("strong");
    title.textContent = when(spec.times[idx]);
    const spots = spec.spots.filter((spot) => spot.at === spec.times[idx]);
    const marks = [...spots, ...marksNear(chart, spec)].map((mark) => Object.assign(document.createElement("p"), { textContent: mark.label }));
    box.replaceChildren(title, list, ...marks);
    const over = chart.over.offsetLeft + left;
    const flip = over > figure.clientWidth / 2;
    box.style.left = flip ? "auto" : `${over + 14}px`;
    box.style.right = flip ? `${figure.clientWidth - over + 14}px` : "auto";
    box.style.top = "12px";
  };
}

function marksNear(chart, spec) {
  const away = (at) => chart.valToPos(at, "x") - chart.cursor.left;
  return spec.marks.filter(({ at, until = at }) => away(at) < 8 && away(until) > -8);
}

function follow(chart, spec) {
  const mark = marksNear(chart, spec).find((one) => one.href);
  if (mark) location.assign(mark.href);
}

function zoom(figure, chart) {
  const { left, width } = chart.select;
  if (width < 8) return;
  const detail = { from: chart.posToVal(left, "x"), to: chart.posToVal(left + width, "x") };
  chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  figure.dispatchEvent(new CustomEvent("chart:zoom", { bubbles: true, detail }));
}
