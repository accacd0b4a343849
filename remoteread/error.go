package remoteread

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The reasons of an Error, which are also the values of the label reason.
const (
	reasonCanceled    = "canceled"     // the caller gave up
	reasonChecksum    = "checksum"     // a frame whose CRC-32C is another
	reasonConnection  = "connection"   // no connection, or one that broke
	reasonContentType = "content_type" // an answer that is not remote-read
	reasonEncoding    = "encoding"     // a chunk encoding that is not known here, which costs that series alone
	reasonMalformed   = "malformed"    // an answer, or a chunk, that cannot be decoded
	reasonStatus      = "status"       // an HTTP status other than 2xx
	reasonTimeout     = "timeout"      // not finished within Options.Timeout
	reasonTooLarge    = "too_large"    // a frame or a sampled answer over Options.MaxFrameBytes
	reasonTruncated   = "truncated"    // a stream that ends within a frame
)

func reasons() []string {
	return []string{
		reasonCanceled, reasonChecksum, reasonConnection, reasonContentType, reasonEncoding,
		reasonMalformed, reasonStatus, reasonTimeout, reasonTooLarge, reasonTruncated,
	}
}

// Error is how a read fails, or the warning that it leaves out a series.
type Error struct {
	URL    string // without credentials and query
	Reason string // one word: canceled, checksum, connection, content_type, encoding, malformed, status, timeout, too_large or truncated
	Status int    // HTTP status of the answer, 0 without one
	Frame  int    // of the stream, counted from 1, 0 if the error is not about a frame
	Err    error

	retryAfter time.Duration
}

func (e *Error) Error() string {
	frame := ""
	if e.Frame > 0 {
		frame = fmt.Sprintf("frame %d: ", e.Frame)
	}
	return fmt.Sprintf("remote read %s: %s%v", e.URL, frame, e.Err)
}

// Unwrap returns what went wrong, without the place.
func (e *Error) Unwrap() error { return e.Err }

// Temporary tells whether the same read may succeed at another time: nobody answered, the connection broke
// (but not that the server's certificate is not trusted), it took too long, or the server answered 429 or 5xx.
func (e *Error) Temporary() bool {
	switch e.Reason {
	case reasonConnection:
		_, untrusted := errors.AsType[*tls.CertificateVerificationError](e.Err)
		return !untrusted
	case reasonTimeout:
		return true
	case reasonStatus:
		return e.Status == http.StatusTooManyRequests || e.Status/100 == 5
	default:
		return false
	}
}

// asError returns the *Error that err is, or one that calls the answer malformed.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Reason: reasonMalformed, Err: err}
}

// transportError is the Error for what the HTTP client, or a body, returned. If the context has ended,
// that is the reason, whatever the transport made of it.
func transportError(ctx context.Context, err error) *Error {
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		err = urlErr.Err // it repeats the URL, user name and query included
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.DeadlineExceeded):
		return &Error{Reason: reasonTimeout, Err: cause}
	case cause != nil:
		return &Error{Reason: reasonCanceled, Err: cause}
	default:
		return &Error{Reason: reasonConnection, Err: err}
	}
}

// maxExcerpt is how much of a wrong answer an error shows, in bytes.
const maxExcerpt = 200

// excerpt shows the beginning of a wrong answer on one line, with control characters and invalid UTF-8 as dots.
func excerpt(b []byte) string {
	b = b[:min(len(b), maxExcerpt)]
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return '.'
		default:
			return r
		}
	}, string(b)))
}
