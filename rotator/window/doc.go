// Package window knows when the program may act: maintenance windows, freezes
// and the ticks that wake it.
//
// Everything here is a pure value. Nothing reads the clock, the environment or
// the local time zone, so the same configuration opens at the same instants on
// every replica and in every test.
//
// Cron expressions are parsed by robfig/cron/v3 behind a guard, because v3.0.1
// panics on "TZ=0" and on "CRON_TZ=Europe/Berlin" alone, and accepts schedules
// that never fire ("0 0 31 2 *") or run backwards ("@every -1h"). A time zone
// is a field of its own here and is refused inside an expression.
//
// Daylight saving: expressions are evaluated on the wall clock of their zone.
// A time that a spring change skips (02:30) fires at the instant of the change;
// a time that an autumn change repeats fires once, at its first occurrence.
// Expressions that name every hour follow elapsed time and need neither rule.
package window
