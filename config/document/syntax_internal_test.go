package document

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A search over all lines would parse a file of that size a dozen times.
func TestFinder_ParsesALargeFileFewTimes(t *testing.T) {
	var b strings.Builder
	b.WriteString("detectors:\n")
	for i := range 2000 {
		fmt.Fprintf(&b, "  - name: d%d\n    expr: up\n", i)
	}
	valid := b.String()
	for source, want := range map[string]int{
		valid + "    labels: a: b\n":                            4001,
		valid + "   step: 1m\n":                                 4001,
		valid + "    unit: \"x\n":                               4001, // found at the end of the file
		strings.Replace(valid, "expr: up\n", "expr: u: p\n", 1): 2,
	} {
		_, err := documents(bytes.NewReader([]byte(source)))
		require.Error(t, err)
		f := finder{msg: redactedMessage(err)}
		number, begin, end := f.line([]byte(source))
		require.Equal(t, want, number)
		require.Equal(t, strings.SplitAfter(source, "\n")[want], source[begin:end])
		require.LessOrEqual(t, f.parsed, 4*len(source), source[begin:end])
	}
}
