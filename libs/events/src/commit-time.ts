const MICROS_PER_SECOND = 1_000_000n;
const SECONDS_PER_DAY = 86_400;
/** 2000-01-01 UTC, PostgreSQL's epoch, in seconds since 1970. */
const EPOCH_SECONDS = 946_684_800;

/** Formats commit timestamps; keeps the text of the last second, since commits come in time order. */
export class CommitTimeFormatter {
  private second = Number.NaN;
  private secondText = '';
  private zone = 'Z';

  /**
   * RFC 3339 in UTC with microseconds, trailing zeros trimmed, of a pgoutput timestamp (microseconds since 2000-01-01
   * UTC). Years that RFC 3339 cannot say are written as PostgreSQL prints a timestamptz.
   */
  format(timestamp: bigint): string {
    const { second, micros } = split(timestamp);
    if (second !== this.second) this.changeSecond(second);
    if (micros === 0) return this.secondText + this.zone;
    return `${this.secondText}.${String(micros).padStart(6, '0').replace(/0+$/, '')}${this.zone}`;
  }

  private changeSecond(second: number): void {
    const day = Math.floor(second / SECONDS_PER_DAY);
    const time = second - day * SECONDS_PER_DAY;
    const { year, month, dayOfMonth } = civilDate(day);
    const rfc = year >= 1 && year <= 9999;
    // There is no year 0: the year before 1 AD is 1 BC.
    const yearText = digits(year >= 1 ? year : 1 - year, 4);
    const timeText = [Math.floor(time / 3600), Math.floor(time / 60) % 60, time % 60]
      .map((part) => digits(part, 2))
      .join(':');
    this.second = second;
    this.secondText = `${yearText}-${digits(month, 2)}-${digits(dayOfMonth, 2)}${rfc ? 'T' : ' '}${timeText}`;
    this.zone = rfc ? 'Z' : year >= 1 ? '+00' : '+00 BC';
  }
}

/** A pgoutput timestamp as milliseconds since 1970. */
export function commitTimeMs(timestamp: bigint): number {
  const { second, micros } = split(timestamp);
  return second * 1000 + Math.floor(micros / 1000);
}

/** Seconds since 1970 and the microseconds after them. */
function split(timestamp: bigint): { second: number; micros: number } {
  let second = timestamp / MICROS_PER_SECOND;
  let micros = timestamp - second * MICROS_PER_SECOND;
  if (micros < 0n) {
    second -= 1n;
    micros += MICROS_PER_SECOND;
  }
  return { second: Number(second) + EPOCH_SECONDS, micros: Number(micros) };
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

/**
 * The proleptic Gregorian date of a day counted from 1970-01-01. Years are reckoned from March, in eras of 400 years
 * (146,097 days), so that the leap day is the last of its year.
 */
function civilDate(day: number): { year: number; month: number; dayOfMonth: number } {
  const shifted = day + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const dayOfMonth = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return { year, month, dayOfMonth };
}
