// Package frame reads the frames of a streamed remote-read answer. A frame is the length of its message as a uvarint,
// the CRC-32C of the message in 4 bytes, big endian, and the message.
package frame

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/redact"
)

// What is wrong with a frame. Next wraps them.
var (
	ErrTruncated = errors.New("stream ends")
	ErrTooLarge  = errors.New("over the limit")
	ErrChecksum  = errors.New("checksum mismatch")
)

const (
	// frameStep is how far the buffer grows ahead of the bytes that have arrived, so that a wrong length costs no
	// more memory than this. It is the size at which Prometheus cuts frames.
	frameStep = 1 << 20
	// maxKept is the largest buffer that is kept for the next stream. Prometheus cuts frames at 1 MiB
	// (--storage.remote.read-max-bytes-in-frame), after which at most one chunk and the labels come on top.
	maxKept = 4 << 20
)

// Reader reads the frames of one stream after the other. Its buffers can be reused for the next stream.
type Reader struct {
	r          *bufio.Reader
	castagnoli *crc32.Table
	buf        []byte
	quote      func([]byte) string
	limit      int // largest size of a message, in bytes
	count      int // number of the current frame, from 1
}

// NewReader returns a Reader without a stream.
func NewReader() *Reader {
	return &Reader{r: bufio.NewReaderSize(nil, 64<<10), castagnoli: crc32.MakeTable(crc32.Castagnoli)}
}

// Reset begins with a stream, whose messages may have limit bytes. quote returns what an error may show of a text that
// comes instead of a frame.
func (f *Reader) Reset(r io.Reader, limit int, quote func([]byte) string) {
	f.r.Reset(r)
	f.limit, f.count, f.quote = limit, 0, quote
}

// Count returns the number of the current frame, from 1.
func (f *Reader) Count() int { return f.count }

// Reusable reports whether the buffer is small enough to be kept for another stream.
func (f *Reader) Reusable() bool { return cap(f.buf) <= maxKept }

// Next returns the next message, which is valid until the next call. It returns io.EOF if the stream ends after a
// complete frame. Errors of the stream and those above can be told by errors.Is; any other one means that the frame is
// malformed.
func (f *Reader) Next() ([]byte, error) {
	size, err := binary.ReadUvarint(f.r)
	if err == io.EOF { //nolint:errorlint // unwrapped, it means that nothing of a frame was read
		return nil, io.EOF
	}
	f.count++
	switch {
	case err == io.ErrUnexpectedEOF: //nolint:errorlint // as above
		return nil, broken(err, "within the length")
	case err != nil:
		return nil, fmt.Errorf("length: %w", err)
	case size == 0:
		return nil, errors.New("empty frame")
	case size > uint64(f.limit):
		return nil, fmt.Errorf("%d bytes are %w of %d", size, ErrTooLarge, f.limit)
	}
	var sum [4]byte
	if _, err := io.ReadFull(f.r, sum[:]); err != nil {
		return nil, broken(err, "within the checksum")
	}
	f.buf = f.buf[:0]
	for len(f.buf) < int(size) {
		step := min(int(size)-len(f.buf), frameStep)
		f.buf = slices.Grow(f.buf, step)
		n, err := io.ReadFull(f.r, f.buf[len(f.buf):len(f.buf)+step])
		f.buf = f.buf[:len(f.buf)+n]
		if err != nil {
			return nil, broken(err, "after %d of %d bytes%s", len(f.buf), size, f.text(size, sum))
		}
	}
	if crc32.Checksum(f.buf, f.castagnoli) != binary.BigEndian.Uint32(sum[:]) {
		return nil, fmt.Errorf("%w%s", ErrChecksum, f.text(size, sum))
	}
	return f.buf, nil
}

// broken returns the error for a frame that could not be read: an end of the stream is ErrTruncated. Errors of the
// stream may wrap io.EOF too; only the bare one is an end.
func broken(err error, format string, args ...any) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // see above
		return fmt.Errorf("%w %s", ErrTruncated, fmt.Sprintf(format, args...))
	}
	return err
}

// text quotes the frame if it is printable text, else it returns "". A Prometheus that fails in the middle of a
// stream writes its error message where a frame should be.
func (f *Reader) text(size uint64, sum [4]byte) string {
	b := append(binary.AppendUvarint(nil, size), sum[:]...)
	b = append(b, f.buf[:min(len(f.buf), redact.MaxScanned)]...)
	if !utf8.Valid(b) {
		return ""
	}
	for _, r := range string(b) {
		if !unicode.IsPrint(r) && r != '\n' {
			return ""
		}
	}
	return fmt.Sprintf(", it reads %q", f.quote(b))
}
