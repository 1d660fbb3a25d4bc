// Numbers and codes as a person reads them, and elements made of text: nothing here takes HTML.

// How many decimals a price on this tick has.
export function decimals(tick) {
  const [digits, exponent] = String(tick).split("e-");
  return (digits.split(".")[1] ?? "").length + Number(exponent ?? 0);
}

export function price(value, tick) {
  if (value === null || value === undefined) return "–";
  const places = decimals(tick);
  return value.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
}

// Cents as dollars, with a sign if there is any.
export function money(cents, { plus = true } = {}) {
  const text = (Math.abs(cents) / 100).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  return `${cents < 0 ? "−" : plus && cents > 0 ? "+" : ""}$${text}`;
}

// Words with amounts in them, for an element: no line ends between the sign of one and its dollars.
export const sentence = (text) => text.split(/([−+]\$[\d,.]*\d)/).map((part, at) => (at % 2 ? el("span.whole", {}, part) : part));

export const signed = (number) => (number < 0 ? `−${-number}` : number > 0 ? `+${number}` : "0");
export const tone = (number) => (number > 0 ? "gain" : number < 0 ? "loss" : "");

// A code such as DAILY_LOSS or trend_up in words.
export const words = (code) => code.toLowerCase().replaceAll("_", " ");
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

const DAY_TYPES = {
  b_day: ["B day", "bull"], p_day: ["P day", "bull"], trend_up: ["Trend up", "bull"], super_trend_up: ["Strong trend up", "bulls"],
  trend_down: ["Trend down", "bear"], super_trend_down: ["Strong trend down", "bears"], b_day_bear: ["B day, bearish", "bear"],
  neutral: ["Neutral", "calm"], none: ["No day type yet", "calm"],
};
export const dayType = (code) => DAY_TYPES[code] ?? [capital(words(code)), "calm"];

// An element: `el("li.row", {title: "x"}, "text", child)`.
export function el(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Sets a text only if it is another: a page that is not changed is not laid out again.
export function put(element, text, toned) {
  if (element.textContent !== text) element.textContent = text;
  if (toned !== undefined && element.dataset.tone !== toned) element.dataset.tone = toned;
}
