package past

import (
	"math"
	"strconv"
)

// A Number is a number that JSON cannot always hold: NaN and infinities are null.
type Number float64

// MarshalJSON returns the shortest text that gives the same number again.
func (n Number) MarshalJSON() ([]byte, error) {
	v := float64(n)
	if v-v != 0 { // NaN or infinite
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, v, 'g', -1, 64), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	v, err := strconv.ParseFloat(string(b), 64)
	*n = Number(v)
	return err
}
