package config

import (
	"fmt"
	"slices"
	"time"
)

// A Holiday is a local date that is no ordinary day.
type Holiday struct {
	Year  int // 0: every year
	Month time.Month
	Day   int
}

const yearly = "01-02" // the layout of a date of every year

// ParseHoliday reads 2026-12-25, or 12-25 for every year.
func ParseHoliday(text string) (Holiday, error) {
	if t, err := time.Parse(time.DateOnly, text); err == nil && t.Year() > 0 {
		return Holiday{t.Year(), t.Month(), t.Day()}, nil
	}
	if t, err := time.Parse(yearly, text); err == nil { // of the year 0, which has a 29 February
		return Holiday{0, t.Month(), t.Day()}, nil
	}
	return Holiday{}, fmt.Errorf("%q is no date such as 2026-12-25, or 12-25 for every year", text)
}

// UnmarshalYAML reads what ParseHoliday does.
func (h *Holiday) UnmarshalYAML(unmarshal func(any) error) error {
	var text string
	if err := unmarshal(&text); err != nil {
		return err
	}
	parsed, err := ParseHoliday(text)
	*h = parsed
	return err
}

// MarshalYAML writes what ParseHoliday reads.
func (h Holiday) MarshalYAML() (any, error) {
	date := time.Date(h.Year, h.Month, h.Day, 0, 0, 0, 0, time.UTC)
	if h.Year == 0 {
		return date.Format(yearly), nil
	}
	return date.Format(time.DateOnly), nil
}

// Holidays are the days that are neither learned from nor expected as ordinary ones.
type Holidays []Holiday

// Include says whether a local date is one of them; nil if there are none.
func (h Holidays) Include() func(year int, month time.Month, day int) bool {
	if len(h) == 0 {
		return nil
	}
	return func(year int, month time.Month, day int) bool {
		return slices.Contains(h, Holiday{year, month, day}) || slices.Contains(h, Holiday{0, month, day})
	}
}

// orNil is h, nil if there are none.
func (h Holidays) orNil() Holidays {
	if len(h) == 0 {
		return nil
	}
	return h
}
