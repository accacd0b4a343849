package config

import (
	"fmt"
	"slices"
	"time"
)

// Holiday is a local date that differs from ordinary days.
type Holiday struct {
	Year  int // 0 means every year
	Month time.Month
	Day   int
}

const yearly = "01-02" // layout of a date without a year, for package time

// ParseHoliday parses a date such as 2026-12-25, or 12-25 for every year.
func ParseHoliday(text string) (Holiday, error) {
	if t, err := time.Parse(time.DateOnly, text); err == nil && t.Year() > 0 {
		return Holiday{t.Year(), t.Month(), t.Day()}, nil
	}
	if t, err := time.Parse(yearly, text); err == nil { // in the year 0, which has a 29 February
		return Holiday{0, t.Month(), t.Day()}, nil
	}
	return Holiday{}, fmt.Errorf("%q is not a date such as 2026-12-25, or 12-25 for every year", text)
}

// UnmarshalYAML accepts what ParseHoliday does.
func (h *Holiday) UnmarshalYAML(unmarshal func(any) error) error {
	var text string
	if err := unmarshal(&text); err != nil {
		return err
	}
	parsed, err := ParseHoliday(text)
	*h = parsed
	return err
}

// MarshalYAML returns the date as ParseHoliday accepts it.
func (h Holiday) MarshalYAML() (any, error) {
	date := time.Date(h.Year, h.Month, h.Day, 0, 0, 0, 0, time.UTC)
	if h.Year == 0 {
		return date.Format(yearly), nil
	}
	return date.Format(time.DateOnly), nil
}

// Holidays are the days that models treat apart from ordinary days.
type Holidays []Holiday

// Include returns a function that reports whether a local date is one of them. It returns nil if there are none.
func (h Holidays) Include() func(year int, month time.Month, day int) bool {
	if len(h) == 0 {
		return nil
	}
	return func(year int, month time.Month, day int) bool {
		return slices.Contains(h, Holiday{year, month, day}) || slices.Contains(h, Holiday{0, month, day})
	}
}

// orNil returns h, or nil if it is empty, so that equal configurations are equal by reflect.DeepEqual.
func (h Holidays) orNil() Holidays {
	if len(h) == 0 {
		return nil
	}
	return h
}
