// Package spark draws values as small curves, without axes.
package spark

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
)

// Curves show Points values of the last While.
const (
	While  = 24 * time.Hour
	Points = 96
)

// Extent returns the lowest and the highest of values, and how many are known.
func Extent(values []float64) (low, high float64, known int) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v-v == 0 {
			low, high = math.Min(low, v), math.Max(high, v)
			known++
		}
	}
	return low, high, known
}

// Line draws values as a small curve, from the lowest to the highest of them; "" if there are fewer than two.
func Line(values []float64) template.HTML {
	low, high, _ := Extent(values)
	return Curve(values, low, high)
}

// Curve draws values as a small curve, on a scale that several may share; "" if there are fewer than two.
func Curve(values []float64, low, high float64) template.HTML {
	if _, _, known := Extent(values); known < 2 {
		return ""
	}
	var b strings.Builder
	b.WriteString(`<svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" ` +
		`aria-label="the last 24 hours"><path d="`)
	move := true
	for i, v := range values {
		if v-v != 0 {
			move = true
			continue
		}
		y := 12.0
		if high > low {
			y = 22 - 20*(v/(high-low)-low/(high-low))
		}
		command := "L"
		if move {
			command, move = "M", false
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", command, 100*float64(i)/float64(max(len(values)-1, 1)), y)
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String())
}
