package humanize_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result/humanize"
)

func TestQuantity_IsReadable(t *testing.T) {
	for _, tc := range []struct {
		v    float64
		unit string
		want string
	}{
		{0.488, "seconds", "488 ms"},
		{2.5, "seconds", "2.5 s"},
		{0, "seconds", "0 s"},
		{2e-5, "seconds", "20 µs"},
		{90_000, "seconds", "1 d 1 h"},
		{-90_000, "seconds", "-1 d 1 h"},
		{512, "bytes", "512 B"},
		{1 << 30, "bytes", "1 GiB"},
		{1020 * 1024, "bytes", "1020 KiB"},
		{-3 << 40, "bytes", "-3 TiB"},
		{0.9312, "ratio", "93.1 %"},
		{2 << 20, "bytes/s", "2 MiB/s"},
		{985.2, "requests/s", "985 requests/s"},
		{12345, "requests/s", "12.3 k requests/s"},
		{1234, "", "1234"},
		{12345, "", "12.3 k"},
		{1e300, "", "1e+300"},
		{999.7, "", "1000"},
		{999.7e15, "", "1000 P"},
		{1234, "seconds", "1234 s"},
		{0.9999, "seconds", "1000 ms"},
		{1020, "bytes", "1020 B"},
		{12.34, "ratio", "1234 %"},
		{0.0123, "", "0.0123"},
		{math.NaN(), "bytes", "unknown"},
	} {
		require.Equal(t, tc.want, humanize.Quantity(tc.v, tc.unit))
	}
}

func TestRange_NamesACommonUnitOnce(t *testing.T) {
	require.Equal(t, "46.2 to 69.3 ms", humanize.Range(0.0462, 0.0693, "seconds"))
	require.Equal(t, "900 ms to 1.1 s", humanize.Range(0.9, 1.1, "seconds"))
	require.Equal(t, "0 to 1.5 restarts", humanize.Range(0, 1.5, "restarts"))
	require.Equal(t, "0 to 1.5", humanize.Range(0, 1.5, ""))
	require.Equal(t, "1 h 5 min to 2 h 5 min", humanize.Range(3900, 7500, "seconds"))
	require.Equal(t, "5 h to 1 d 5 h", humanize.Range(18_000, 104_400, "seconds"))
}

func TestBeside_TellsTheValueFromTheRange(t *testing.T) {
	for _, tc := range []struct {
		v, from, to float64
		unit        string
		want        string
	}{
		{28, 19, 36, "", "28; 19 to 36"},
		{12_981_206, 12_956_655, 12_969_771, "", "12.98 M; 12.96 to 12.97 M"},
		{812.4 * (1 << 30), 811.6 * (1 << 30), 812.4 * (1 << 30), "bytes", "812.4 GiB; 811.6 to 812.4 GiB"},
		{0.99951, 0.9997, 0.99999, "ratio", "99.95 %; 99.97 to 100 %"},
		{0.5, 0.5, 0.5, "seconds", "500 ms; 500 to 500 ms"},
		{7200, 3600, 3601, "seconds", "2 h; 1 to 1 h"},
		{1e9 + 2, 1e9, 1e9 + 1, "", "1 G; 1 to 1 G"},
		{1000.4, 1000.1, 1000.3, "s", "1000.4 s; 1000.1 to 1000.3 s"},
	} {
		value, usual := humanize.Beside(tc.v, tc.from, tc.to, tc.unit)
		require.Equal(t, tc.want, value+"; "+usual)
	}
}

func TestRarity_IsReadable(t *testing.T) {
	for period, want := range map[time.Duration]string{
		5 * time.Minute:          "once in 5 minutes",
		8 * time.Hour:            "once in 8 hours",
		84 * time.Hour:           "once in 4 days",
		35 * 24 * time.Hour:      "once in 5 weeks",
		3 * 365 * 24 * time.Hour: "once in 3 years",
	} {
		require.Equal(t, want, humanize.Rarity(period.Seconds()))
	}
	require.Equal(t, "less than once in 10 years", humanize.Rarity(math.Inf(1)))
	require.Empty(t, humanize.Rarity(math.NaN()))
}

func TestClock_TellsTheDateOfAnotherDay(t *testing.T) {
	now := time.Date(2026, 3, 7, 0, 30, 0, 0, time.UTC)
	require.Equal(t, "00:10", humanize.Clock(now.Add(-20*time.Minute).In(time.FixedZone("", -3600)), now))
	require.Equal(t, "6 Mar 23:50", humanize.Clock(now.Add(-40*time.Minute), now))
	require.Equal(t, "7 Mar 00:30", humanize.Clock(now, now.AddDate(1, 0, 0)))
}
