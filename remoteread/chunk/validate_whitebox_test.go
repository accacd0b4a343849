package chunk

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

func TestValidate_RejectsWhatChunkencTrusts(t *testing.T) {
	header := strings.Repeat("0", 15) + "1" + strings.Repeat("0", 8) // one sample, no flags
	for _, c := range tenSeconds(t, 0) {
		require.NoError(t, validate(c.Encoding(), c.Bytes()))
	}
	for _, tc := range []struct {
		name string
		bits string
		want string
	}{
		{"no header", "", "chunk is cut short"},
		{"no samples", strings.Repeat("0", 24), ""},
		{"no layout", header, "chunk is cut short"},
		{"no threshold", header + "11111111", "chunk is cut short"},
		{"spans that are not there", header + "00000000" + "0" + "10111", "chunk is cut short"},
		{"no buckets", header + "00000000" + "0" + "0" + "0", ""},
		// Schema 0, one span of 2^25-1 buckets: chunkenc would take 768 MiB for them.
		{
			"33 million buckets",
			header + "00000000" + "0" + "10001" + "1111110" + strings.Repeat("1", 25) + "0" + "0",
			"more buckets than bits",
		},
		{
			"the same in two spans",
			header + "00000000" + "0" + "10010" + strings.Repeat("1110"+"111111111"+"0", 2) + "0",
			"more buckets than bits",
		},
		{"an offset of -2 where buckets begin", header + "00000000" + "0" + "10001" + "10001" + "10110" + "0", ""},
		{
			"one of -2 after them", header + "00000000" + "0" + "10010" + strings.Repeat("10001"+"10110", 2) + "0",
			"spans of buckets go backwards",
		},
		{"negative ones", header + "00000000" + "0" + "0" + "10001" + "1110" + "111111111" + "0", "more buckets than bits"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data := []byte{}
			for i, bit := range tc.bits {
				if i%8 == 0 {
					data = append(data, 0)
				}
				data[i/8] |= byte(bit-'0') << (7 - i%8)
			}
			err := validate(chunkenc.EncFloatHistogram, data)
			if tc.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, tc.want)
			}
		})
	}
}
