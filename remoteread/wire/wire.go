// Package wire parses the protobuf messages of remote-read answers field by field. It allocates nothing: what it
// returns shares the memory of the message.
package wire

import (
	"math"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/chunk"
)

// Fields calls f with each field of a message: v is the value of a number, data that of a field with a length and nil
// for any other field.
func Fields(b []byte, f func(num protowire.Number, v uint64, data []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var (
			v    uint64
			data []byte
		)
		switch typ {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			v, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			data, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := f(num, v, data); err != nil {
			return err
		}
	}
	return nil
}

// Label parses a prometheus.Label.
func Label(b []byte) (name, value string, err error) {
	err = Fields(b, func(num protowire.Number, _ uint64, data []byte) error {
		switch num {
		case 1:
			name = unsafe.String(unsafe.SliceData(data), len(data))
		case 2:
			value = unsafe.String(unsafe.SliceData(data), len(data))
		}
		return nil
	})
	return name, value, err
}

// Sample parses a prometheus.Sample. The time is in milliseconds since the epoch.
func Sample(b []byte) (t int64, v float64, err error) {
	err = Fields(b, func(num protowire.Number, number uint64, _ []byte) error {
		switch num {
		case 1:
			v = math.Float64frombits(number)
		case 2:
			t = int64(number)
		}
		return nil
	})
	return t, v, err
}

// Chunk parses a prometheus.Chunk and returns it with its encoding, which is not valid in the chunk unless it is known.
func Chunk(b []byte) (c chunk.Chunk, encoding uint64, err error) {
	err = Fields(b, func(num protowire.Number, v uint64, data []byte) error {
		switch num {
		case 1:
			c.MinTime = int64(v)
		case 2:
			c.MaxTime = int64(v)
		case 3:
			encoding = v
		case 4:
			c.Data = data
		}
		return nil
	})
	c.Encoding = chunkenc.Encoding(encoding)
	return c, encoding, err
}
