// Figures and times as the reader writes them, like service/web/formats.py.

const root = document.documentElement;
const locale = root.dataset.locale || root.lang;
const timeZone = root.dataset.zone;
const currencies = new Set(Intl.supportedValuesOf ? Intl.supportedValuesOf("currency") : ["BRL", "USD", "EUR"]);
const percents = new Set(["percent", "%", "percentage"]);

function formatter(unit, compact) {
  const short = compact ? { notation: "compact", maximumFractionDigits: 1 } : {};
  if (currencies.has(unit)) {
    const digits = compact ? {} : { minimumFractionDigits: 2 };
    return new Intl.NumberFormat(locale, { style: "currency", currency: unit, ...digits, ...short });
  }
  return new Intl.NumberFormat(locale, { maximumFractionDigits: 2, ...short });
}

/** A function that writes values with their unit, in the reader's `words`; `compact` for axes. */
export function figures(unit, words, compact = false) {
  const format = formatter(unit, compact);
  const behind = percents.has(unit) ? "%" : !unit || currencies.has(unit) || unit === "count" ? "" : ` ${words}`;
  return (value) => (value === null || value === undefined ? "–" : format.format(value) + behind);
}

const parts = {
  minute: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  hour: { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  day: { weekday: "short", day: "numeric", month: "short", year: "numeric" },
  week: { day: "numeric", month: "short", year: "numeric" },
  month: { month: "long", year: "numeric" },
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
