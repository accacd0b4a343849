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
	// frameStep is how far the buffer grows ahead of the bytes that have arrived, so that a wrong length costs no
	// more memory than this. It is the size at which Prometheus cuts frames.
	frameStep = 1 << 20
	// maxPooledFrame is the largest buffer that is kept for the next stream. Prometheus cuts frames at 1 MiB
	// (--storage.remote.read-max-bytes-in-frame), after which at most one chunk and the labels come on top.
	maxPooledFrame = 4 << 20
)

// frameReader reads the frames of a stream. A frame is the length of its message as a uvarint, the CRC-32C of the
// message in 4 bytes, big endian, and the message.
type frameReader struct {
	r          *bufio.Reader
	castagnoli *crc32.Table
	buf        []byte
	limit      int // largest size of a message, in bytes
	count      int // number of the current frame, from 1
}

func newFrameReader() *frameReader {
	return &frameReader{r: bufio.NewReaderSize(nil, 64<<10), castagnoli: crc32.MakeTable(crc32.Castagnoli)}
}

func (f *frameReader) reset(r io.Reader, limit int) {
	f.r.Reset(r)
	f.limit, f.count = limit, 0
}

// next returns the next message, which is valid until the next call. It returns io.EOF if the stream ends after a
// complete frame. Any other error is an *Error.
func (f *frameReader) next() ([]byte, error) {
	size, err := binary.ReadUvarint(f.r)
	if err == io.EOF { //nolint:errorlint // unwrapped, it means that nothing of a frame was read
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

// broken returns the Error for a frame that could not be read. bodyReader returns an *Error if the connection failed,
// and io.EOF if the server ended the stream.
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

// text quotes the frame if it is printable text, else it returns "". A Prometheus that fails in the middle of a
// stream writes its error message where a frame should be.
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
