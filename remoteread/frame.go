package remoteread

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
)

const (
	// frameStep is how far the buffer grows ahead of what has arrived: a length that lies costs no more.
	frameStep = 1 << 20
	// maxPooledFrame is the largest buffer kept for the next stream. Prometheus cuts frames at 1 MiB
	// (--storage.remote.read-max-bytes-in-frame) plus at most one chunk and the labels.
	maxPooledFrame = 4 << 20
)

// frameReader reads the frames of a stream: a uvarint, the length of the message; 4 bytes, its CRC-32C, big endian;
// the message.
type frameReader struct {
	r          *bufio.Reader
	castagnoli *crc32.Table
	buf        []byte
	limit      int // of a message, in bytes
	count      int // of the frames begun
}

func newFrameReader() *frameReader {
	return &frameReader{r: bufio.NewReaderSize(nil, 64<<10), castagnoli: crc32.MakeTable(crc32.Castagnoli)}
}

func (f *frameReader) reset(r io.Reader, limit int) {
	f.r.Reset(r)
	f.limit, f.count = limit, 0
}

// next returns the next message, valid until the next call, or io.EOF if the stream ended after a frame.
// Any other error is an *Error.
func (f *frameReader) next() ([]byte, error) {
	size, err := binary.ReadUvarint(f.r)
	if err == io.EOF { //nolint:errorlint // the bare one: nothing of a frame was read
		return nil, io.EOF
	}
	f.count++
	switch {
	case err != nil:
		return nil, f.broken(err, "within the length")
	case size == 0:
		return nil, f.errorf(reasonMalformed, "empty frame")
	case size > uint64(f.limit):
		return nil, f.errorf(reasonTooLarge, "%d bytes are over the limit of %d", size, f.limit)
	}
	var sum [4]byte
	if _, err := io.ReadFull(f.r, sum[:]); err != nil {
		return nil, f.broken(err, "within the checksum")
	}
	f.buf = f.buf[:0]
	for len(f.buf) < int(size) {
		step := min(int(size)-len(f.buf), frameStep)
		f.buf = slices.Grow(f.buf, step)
		n, err := io.ReadFull(f.r, f.buf[len(f.buf):len(f.buf)+step])
		f.buf = f.buf[:len(f.buf)+n]
		if err != nil {
			return nil, f.broken(err, "after %d of %d bytes%s", len(f.buf), size, f.text(size, sum))
		}
	}
	if crc32.Checksum(f.buf, f.castagnoli) != binary.BigEndian.Uint32(sum[:]) {
		return nil, f.errorf(reasonChecksum, "checksum mismatch%s", f.text(size, sum))
	}
	return f.buf, nil
}

func (f *frameReader) errorf(reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Frame: f.count, Err: fmt.Errorf(format, args...)}
}

// broken is the Error for a frame that could not be read: the reader below says so by an *Error if the connection
// failed, and by io.EOF if the server ended the stream there.
func (f *frameReader) broken(err error, format string, args ...any) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.Frame = f.count
		return e
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return f.errorf(reasonTruncated, "stream ends "+format, args...)
	}
	return f.errorf(reasonMalformed, "length: %w", err)
}

// text quotes a frame that reads as text: where a Prometheus that fails in the middle of a stream puts its error.
func (f *frameReader) text(size uint64, sum [4]byte) string {
	b := append(binary.AppendUvarint(nil, size), sum[:]...)
	b = append(b, f.buf[:min(len(f.buf), maxExcerpt)]...)
	if !utf8.Valid(b) {
		return ""
	}
	for _, r := range string(b) {
		if !unicode.IsPrint(r) && r != '\n' {
			return ""
		}
	}
	return fmt.Sprintf(", it reads %q", excerpt(b))
}
