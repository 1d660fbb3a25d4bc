// Times of New York. The chart library draws every time as if it were UTC, whatever the browser's zone; so it is given
// the seconds that a clock in New York would show, summer time included.

export const ZONE = "America/New_York";

const parts = new Intl.DateTimeFormat("en-US", {
  timeZone: ZONE, hourCycle: "h23",
  year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
});
const QUARTER_S = 900; // no zone changes its clock within one
const MOST = 4096;
const offsets = new Map();

function offset(seconds) {
  const quarter = Math.floor(seconds / QUARTER_S);
  let found = offsets.get(quarter);
  if (found === undefined) {
    const at = quarter * QUARTER_S;
    const told = Object.fromEntries(parts.formatToParts(at * 1000).map((part) => [part.type, Number(part.value)]));
    found = Date.UTC(told.year, told.month - 1, told.day, told.hour, told.minute, told.second) / 1000 - at;
    if (offsets.size >= MOST) offsets.clear();
    offsets.set(quarter, found);
  }
  return found;
}

// Unix seconds to the seconds that the chart takes.
export function wall(seconds) {
  return seconds + offset(seconds);
}

const two = (number) => String(number).padStart(2, "0");
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// "12:05" of seconds as the chart has them.
export function clockOf(seconds) {
  const at = new Date(seconds * 1000);
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
}

// "Thu 5 Mar 12:05" of seconds as the chart has them.
export function stampOf(seconds) {
  const at = new Date(seconds * 1000);
  return `${DAYS[at.getUTCDay()]} ${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${clockOf(seconds)}`;
}

export const clock = (ms) => clockOf(wall(Math.floor(ms / 1000)));
export const stamp = (ms) => stampOf(wall(Math.floor(ms / 1000)));
export const dayOf = (ms) => stamp(ms).slice(0, -6);
export const fromNs = (ns) => Math.round(ns / 1e6);
