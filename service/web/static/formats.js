// Figures and times as the reader writes them, like service/web/formats.py.

const root = document.documentElement;
const locale = root.dataset.locale || root.lang;
const timeZone = root.dataset.zone;
const currencies = new Set(Intl.supportedValuesOf ? Intl.supportedValuesOf("currency") : ["BRL", "USD", "EUR"]);
const MOST_DIGITS = 12;
const percents = new Set(["percent", "%", "percentage"]);

function formatter(unit, options) {
  if (!currencies.has(unit)) return new Intl.NumberFormat(locale, { maximumFractionDigits: 2, ...options });
  return new Intl.NumberFormat(locale, { style: "currency", currency: unit, minimumFractionDigits: options ? 0 : 2, ...options });
}

/** A function that writes values with their unit, in the reader's `words`. */
export function figures(unit, words) {
  return writer(formatter(unit), unit, words);
}

/** The same for marks of an axis, `step` apart: short, and no two alike. */
export function axisFigures(unit, words, marks, step) {
  const largest = Math.max(...marks.map(Math.abs), 1);
  const thousands = Math.min(Math.floor(Math.log10(largest) / 3 + 1e-9), 4);
  const short = { notation: "compact", maximumFractionDigits: digitsOf(step / 1000 ** thousands) };
  return writer(formatter(unit, short), unit, words);
}

function writer(format, unit, words) {
  const behind = percents.has(unit) ? "%" : !unit || currencies.has(unit) || unit === "count" ? "" : ` ${words}`;
  return (value) => (value === null || value === undefined ? "–" : format.format(value) + behind);
}

// How many digits behind the point tell multiples of `step` apart.
function digitsOf(step) {
  for (let digits = 0; digits < MOST_DIGITS; digits++) {
    const whole = Math.round(step * 10 ** digits);
    if (whole && Math.abs(step * 10 ** digits - whole) < 1e-6 * whole) return digits;
  }
  return MOST_DIGITS;
}

const parts = {
  minute: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  hour: { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  day: { weekday: "short", day: "numeric", month: "short", year: "numeric" },
  week: { day: "numeric", month: "short", year: "numeric" },
  month: { month: "long", year: "numeric" },
  quarter: { month: "short", year: "numeric" },
  year: { year: "numeric" },
};

/** A function that writes an instant (Unix seconds) as the start of a `period`. */
export function instants(period) {
  const format = new Intl.DateTimeFormat(locale, { timeZone, ...parts[period] });
  return (seconds) => format.format(seconds * 1000);
}

/** Labels of a time axis whose marks are `step` seconds apart. */
export function axisLabels(step) {
  const options =
    step < 86400 ? { hour: "2-digit", minute: "2-digit" } : step < 28 * 86400 ? { day: "numeric", month: "short" } : { month: "short", year: "2-digit" };
  const format = new Intl.DateTimeFormat(locale, { timeZone, ...options });
  const day = new Intl.DateTimeFormat(locale, { timeZone, day: "numeric", month: "short" });
  let before = "";
  return (seconds) => {
    const today = day.format(seconds * 1000);
    const text = format.format(seconds * 1000);
    const full = step < 86400 && today !== before ? `${text}\n${today}` : text;
    before = today;
    return full;
  };
}

export { timeZone };
