package frame_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/frame"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/redact"
)

// FuzzFrames reads any bytes as a stream. It ends, and it ends with io.EOF exactly if it consists of complete frames.
func FuzzFrames(f *testing.F) {
	whole := func(messages ...string) (b []byte) {
		for _, m := range messages {
			b = binary.AppendUvarint(b, uint64(len(m)))
			b = binary.BigEndian.AppendUint32(b, crc32.Checksum([]byte(m), crc32.MakeTable(crc32.Castagnoli)))
			b = append(b, m...)
		}
		return b
	}
	f.Add(whole("hello", "", "there"))
	f.Add(whole("hello", "there"))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 1 << 16
		r := frame.NewReader()
		r.Reset(bytes.NewReader(data), limit, redact.Secrets{}.Excerpt)
		var again []byte
		for {
			message, err := r.Next()
			if err == nil {
				require.NotEmpty(t, message)
				require.LessOrEqual(t, len(message), limit)
				again = append(again, whole(string(message))...)
				continue
			}
			if errors.Is(err, io.EOF) {
				require.True(
					t, bytes.Equal(again, data) || len(again) < len(data),
					"complete frames, except for lengths with leading zeros",
				)
			} else {
				require.NotEmpty(t, err.Error())
				require.Positive(t, r.Count())
			}
			return
		}
	})
}
