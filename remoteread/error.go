package remoteread

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/remoteread/frame"
	"github.com/anomaly-exporter/anomaly-exporter/remoteread/limit"
)

// The reasons of an Error, and values of the label reason.
const (
	reasonCanceled    = "canceled"     // the caller gave up
	reasonChecksum    = "checksum"     // the CRC-32C of a frame does not match
	reasonConnection  = "connection"   // there was no connection, or it broke
	reasonContentType = "content_type" // the answer is not remote-read
	reasonEncoding    = "encoding"     // a chunk has an unknown encoding: that series is skipped
	reasonLabelLimit  = "label_limit"  // a series has too many labels, or too long ones
	reasonMalformed   = "malformed"    // an answer or a chunk cannot be decoded
	reasonRedirect    = "redirect"     // to another host
	reasonStatus      = "status"       // the HTTP status is not 2xx
	reasonTimeout     = "timeout"      // the answer was not complete within Options.Timeout
	reasonTooLarge    = "too_large"    // a frame or an answer is over its limit in Options
	reasonTruncated   = "truncated"    // the stream ends within a frame
	reasonUndelimited = "undelimited"  // nothing would show that the answer was cut
)

func reasons() []string {
	return []string{
		reasonCanceled, reasonChecksum, reasonConnection, reasonContentType, reasonEncoding,
		reasonLabelLimit, reasonMalformed, reasonRedirect, reasonStatus, reasonTimeout, reasonTooLarge, reasonTruncated,
		reasonUndelimited,
	}
}

// Error is the error of a read, or a warning that a series was skipped.
type Error struct {
	// URL has neither credentials nor query parameters.
	URL string
	// Reason is one of canceled, checksum, connection, content_type, encoding, label_limit, malformed, redirect, status,
	// timeout, too_large, truncated and undelimited.
	Reason string
	Status int   // HTTP status of the answer, 0 if there was none
	Frame  int   // number of the frame, from 1; 0 if the error is not about a frame
	Err    error // what went wrong
	// Remedy is what somebody may do about a server that refuses, "" if nothing is known. Error adds it.
	Remedy string

	retryAfter time.Duration
	shorter    bool // a shorter range of time may help
}

func (e *Error) Error() string {
	frame := ""
	if e.Frame > 0 {
		frame = fmt.Sprintf("frame %d: ", e.Frame)
	}
	return fmt.Sprintf("remote read %s: %s%s", e.URL, frame, e.cause())
}

// cause says what went wrong, and what to do.
func (e *Error) cause() string {
	if e.Remedy == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + "; " + e.Remedy
}

// Unwrap returns what went wrong, without URL and frame.
func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same read may succeed later: there was no connection or it broke, the answer took too
// long, or the server answered 429 or 5xx and named no limit of one query. A certificate that is not trusted is not
// temporary.
func (e *Error) Temporary() bool {
	switch e.Reason {
	case reasonConnection:
		_, untrusted := errors.AsType[*tls.CertificateVerificationError](e.Err)
		return !untrusted
	case reasonTimeout:
		return true
	case reasonStatus:
		return !e.shorter && (e.Status == http.StatusTooManyRequests || e.Status/100 == 5)
	default:
		return false
	}
}

// TooLarge reports whether the answer was over a limit, of the client or of the server, so that a shorter range of time
// may help.
func (e *Error) TooLarge() bool { return e.shorter }

// asError returns the *Error in err, or else a new one: any other error is about the content of the answer.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	reason := reasonMalformed
	switch {
	case errors.Is(err, frame.ErrTruncated):
		reason = reasonTruncated
	case errors.Is(err, frame.ErrTooLarge):
		reason = reasonTooLarge
	case errors.Is(err, frame.ErrChecksum):
		reason = reasonChecksum
	case errors.Is(err, limit.ErrLabels):
		reason = reasonLabelLimit
	case errors.Is(err, limit.ErrAnswer):
		return &Error{Reason: reasonTooLarge, Err: err, shorter: true}
	}
	return &Error{Reason: reason, Err: err}
}

// transportError returns the Error for an error of the HTTP client or of a body. If the context has ended, that is
// the reason, because transports report it in different ways.
func transportError(ctx context.Context, err error) *Error {
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		err = urlErr.Err // its text contains the URL with user name and query
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.DeadlineExceeded):
		return &Error{Reason: reasonTimeout, Err: cause}
	case cause != nil:
		return &Error{Reason: reasonCanceled, Err: cause}
	case err == io.EOF: //nolint:errorlint // what http.Client says, without more
		err = fmt.Errorf("the connection was closed before an answer: %w", err)
	}
	return &Error{Reason: reasonConnection, Err: err}
}
